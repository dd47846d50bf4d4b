"""Who writes which section: each takes a configuration and says its lines, or why there are none."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from personalities.archetypes import ARCHETYPES
from personalities.config import BEHAVIORS, GENERATION, TRAITS, Meta, PersonalityConfig
from personalities.prompt.parts import Omission
from personalities.prompt.sentences import SENTENCES

EMPTY = "empty"
UNSPOKEN = ("id", "personality_name", "is_active", *(f"meta.{name}" for name in Meta.__struct_fields__))

Said = tuple[str, str]  # a source and its text, of one line or more
Writer = Callable[[PersonalityConfig], Iterable[Said | Omission]]


def _identity(config: PersonalityConfig) -> Iterator[Said | Omission]:
    yield "display_name", f"Your name is {config.display_name}."
    relationship = config.relationship_type
    sentence = SENTENCES.relationship_type.get(relationship, f"You are the user's {relationship}.")
    yield f"relationship_type = {relationship}", sentence
    yield _archetype(config.archetype)
    yield from (_omitted(source) for source in UNSPOKEN)


def _archetype(name: str | None) -> Said | Omission:
    if not name:
        return Omission(source="archetype", reason=EMPTY)
    if archetype := ARCHETYPES.get(name):
        return f"archetype = {name}", f"Your character in short: {archetype.description}"
    return _omitted("archetype", name)  # written by another release, for rows have only known ones


def _authored(field: str) -> Writer:
    """Writes what an author wrote, under a line of ours that says whose words follow."""

    def write(config: PersonalityConfig) -> Iterator[Said | Omission]:
        source, text = f"custom.{field}", getattr(config.custom, field) or ""
        empty = not text.strip()
        yield Omission(source=source, reason=EMPTY) if empty else (source, f"{SENTENCES.introductions[field]}\n{text}")

    return write


def _traits(config: PersonalityConfig) -> Iterator[Said]:
    for trait in TRAITS:
        level = getattr(config.traits, trait)
        yield f"traits.{trait} = {level}", f"{spoken_level(trait, level)}: {SENTENCES.traits[trait][level]}"


def spoken_level(trait: str, level: int) -> str:
    """How a prompt calls it: Humor 7 of 10."""
    return f"{trait.removesuffix('_level').capitalize()} {level} of 10"


def _behaviors(config: PersonalityConfig) -> Iterator[Said | Omission]:
    for behavior in BEHAVIORS:
        source, on = f"behaviors.{behavior}", getattr(config.behaviors, behavior)
        switch, value = SENTENCES.behaviors[behavior], "true" if on else "false"
        sentence = switch.on if on else switch.off
        yield (f"{source} = {value}", sentence) if sentence else _omitted(source, value)


def _greeting(config: PersonalityConfig) -> Iterator[Omission]:
    yield _omitted("greeting") if config.greeting else Omission(source="greeting", reason=EMPTY)


def _locks(config: PersonalityConfig) -> Iterator[Omission]:
    source, names = "locked_preferences", ", ".join(config.locked_preferences)
    yield _omitted(source, names) if names else Omission(source=source, reason=EMPTY)


def _generation(config: PersonalityConfig) -> Iterator[Omission]:
    for name in GENERATION:
        source, value = f"generation.{name}", getattr(config.generation, name)
        yield Omission(source=source, reason=EMPTY) if value is None else _omitted(source, f"{value}")


def _omitted(source: str, value: str = "") -> Omission:
    return Omission(source=f"{source} = {value}" if value else source, reason=SENTENCES.omissions[source])


# In the order of the text. Whatever else shapes a prompt one day is one more writer; the last three only say why not.
WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        "identity": _identity,
        "backstory": _authored("backstory"),
        "instructions": _authored("custom_instructions"),
        "voice": _authored("speaking_style"),
        "traits": _traits,
        "behaviors": _behaviors,
        "greeting": _greeting,
        "locks": _locks,
        "generation": _generation,
    }
)
