"""The sections of a prompt: each is written from a configuration, line by line, or says why it has no line."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from personalities.archetypes import ARCHETYPES
from personalities.config import BEHAVIORS, CUSTOM, GENERATION, MAX_LEVEL, PREFERENCES, TRAITS, Meta, PersonalityConfig
from personalities.prompt.parts import Omission
from personalities.prompt.sentences import SENTENCES, Wish
from personalities.prompt.wishes import Wishes

EMPTY = "empty"
UNSPOKEN = ("id", "personality_name", "is_active", *(f"meta.{name}" for name in Meta.__struct_fields__))
USER = SENTENCES.user

Sourced = tuple[str, str]  # a source and its text, of one line or more
Part = Sourced | Omission
Writer = Callable[[PersonalityConfig], Iterable[Part]]


def _identity(config: PersonalityConfig) -> Iterator[Part]:
    yield "display_name", f"Your name is {config.display_name}."
    relationship = config.relationship_type
    sentence = SENTENCES.relationship_type.get(relationship, f"You are the user's {relationship}.")
    yield f"relationship_type = {relationship}", sentence
    yield _archetype(config.archetype)
    yield from (_omitted(source) for source in UNSPOKEN)


def _archetype(name: str | None) -> Part:
    if not name:
        return Omission(source="archetype", reason=EMPTY)
    if archetype := ARCHETYPES.get(name):
        return f"archetype = {name}", f"Your character in short: {archetype.description}"
    return _omitted("archetype", name)  # another release wrote it: the database allows no archetype unknown to this one


def _authored(field: str) -> Writer:
    """Writes what the author wrote, under a line that says whose words follow."""

    def write(config: PersonalityConfig) -> Iterator[Part]:
        source, text = f"custom.{field}", getattr(config.custom, field) or ""
        empty = not text.strip()
        yield Omission(source=source, reason=EMPTY) if empty else (source, f"{SENTENCES.introductions[field]}\n{text}")

    return write


def _traits(config: PersonalityConfig) -> Iterator[Part]:
    for trait in TRAITS:
        level = getattr(config.traits, trait)
        yield f"traits.{trait} = {level}", f"{_level_label(trait, level)}: {SENTENCES.traits[trait][level]}"


def _level_label(trait: str, level: int) -> str:
    """A level as the prompt words it: Humor 7 of 10."""
    return f"{trait.removesuffix('_level').capitalize()} {level} of {MAX_LEVEL}"


def _behaviors(config: PersonalityConfig) -> Iterator[Part]:
    for behavior in BEHAVIORS:
        source, on = f"behaviors.{behavior}", getattr(config.behaviors, behavior)
        switch, value = SENTENCES.behaviors[behavior], "true" if on else "false"
        sentence = switch.on if on else switch.off
        yield (f"{source} = {value}", sentence) if sentence else _omitted(source, value)


def _greeting(config: PersonalityConfig) -> Iterator[Part]:
    yield _omitted("greeting") if config.greeting else Omission(source="greeting", reason=EMPTY)


def _locks(config: PersonalityConfig) -> Iterator[Part]:
    source, names = "locked_preferences", ", ".join(config.locked_preferences)
    yield _omitted(source, names) if names else Omission(source=source, reason=EMPTY)


def _generation(config: PersonalityConfig) -> Iterator[Part]:
    for name in GENERATION:
        source, value = f"generation.{name}", getattr(config.generation, name)
        yield Omission(source=source, reason=EMPTY) if value is None else _omitted(source, f"{value}")


def _omitted(source: str, value: str = "") -> Omission:
    return Omission(source=f"{source} = {value}" if value else source, reason=SENTENCES.omissions[source])


SECTION_NAMES = {"custom_instructions": "instructions", "speaking_style": "voice"}  # others are named like the field

# By name, in the order of the text. The last three have no line; they say why not.
SECTIONS: Mapping[str, Writer] = MappingProxyType(
    {
        "identity": _identity,
        **{SECTION_NAMES.get(field, field): _authored(field) for field in CUSTOM},
        "traits": _traits,
        "behaviors": _behaviors,
        "greeting": _greeting,
        "locks": _locks,
        "generation": _generation,
    }
)


def greeting_section(greeting: str) -> Iterator[Part]:
    """The personality's first words, under a line that says that they have been said."""
    yield "greeting", f"{USER.greeting}\n{greeting}"


def user_section(config: PersonalityConfig, wishes: Wishes) -> Iterator[Part]:
    """What a user's wishes add, under a line that says that they overrule the personality's own ways.

    Each wish is a line or an omission. A preference that the author has locked is an omission.
    """
    parts = [_preference(config, name, getattr(wishes, name)) for name in PREFERENCES]
    if not all(isinstance(part, Omission) for part in parts):
        yield "preferences", USER.introduction
    yield from parts


def _preference(config: PersonalityConfig, name: str, value: str | None) -> Part:
    if not (value or "").strip():
        return Omission(source=f"preferences.{name}", reason=USER.none)
    source = "preferences.call_me" if name == "call_me" else f"preferences.{name} = {value}"
    if name in config.locked_preferences:
        return Omission(source=source, reason=USER.locked)
    text = _wish_text(config, name, str(value))
    return (source, text) if text else Omission(source=source, reason=USER.unknown)


def _wish_text(config: PersonalityConfig, name: str, value: str) -> str | None:
    if name == "language":
        return USER.language.format(_language(value))
    if name == "call_me":
        return f"{USER.call_me}\n{value}"
    wish = SENTENCES.wishes[name].get(value)  # None for a value that only another release knows
    return " ".join([wish.say, *_overruled(config, wish)]) if wish else None


def _language(tag: str) -> str:
    """German, or German (de-AT), or the tag alone where its language has no name here."""
    name = SENTENCES.languages.get(tag.split("-")[0])
    if not name:
        return f"the language {tag} (a BCP 47 tag)"
    return f"{name} ({tag})" if "-" in tag else name


def _overruled(config: PersonalityConfig, wish: Wish) -> Iterator[str]:
    """Names the traits that ask for the opposite, so that the model need not guess which of the two applies."""
    levels = {trait: getattr(config.traits, trait) for trait in wish.against}
    labels = [
        f'"{_level_label(trait, level)}"'
        for trait, level in levels.items()
        if wish.against[trait][0] <= level <= wish.against[trait][1]
    ]
    if labels:
        yield USER.overrules.format(" and ".join(labels))
