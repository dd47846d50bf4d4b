"""What a user's wishes add to a prompt. Locks of the author go before them, and they before the personality's ways."""

from collections.abc import Iterator

from personalities.config import PREFERENCES, PersonalityConfig
from personalities.prompt.parts import Omission
from personalities.prompt.sentences import SENTENCES, Wish
from personalities.prompt.wishes import Wishes
from personalities.prompt.writers import Said, spoken_level

USER = SENTENCES.user


def write_wishes(config: PersonalityConfig, wishes: Wishes) -> Iterator[Said | Omission]:
    """Each wish is a line or, where it has no say, an omission. Above the lines stands that they go before the rest."""
    parts = [_part(config, name, getattr(wishes, name)) for name in PREFERENCES]
    if not all(isinstance(part, Omission) for part in parts):
        yield "preferences", USER.introduction
    yield from parts


def _part(config: PersonalityConfig, name: str, value: str | None) -> Said | Omission:
    if not (value or "").strip():
        return Omission(source=f"preferences.{name}", reason=USER.none)
    source = "preferences.call_me" if name == "call_me" else f"preferences.{name} = {value}"
    if name in config.locked_preferences:
        return Omission(source=source, reason=USER.locked)
    text = _text(config, name, str(value))
    return (source, text) if text else Omission(source=source, reason=USER.unknown)


def _text(config: PersonalityConfig, name: str, value: str) -> str | None:
    if name == "language":
        return USER.language.format(_language(value))
    if name == "call_me":
        return f"{USER.call_me}\n{value}"
    wish = SENTENCES.wishes[name].get(value)  # none for one that another release has let in
    return " ".join([wish.say, *_overrules(config, wish)]) if wish else None


def _language(tag: str) -> str:
    """German, or German (de-AT), or what the tag alone says."""
    name = SENTENCES.languages.get(tag.split("-")[0])
    if not name:
        return f"the language {tag} (a BCP 47 tag)"
    return f"{name} ({tag})" if "-" in tag else name


def _overrules(config: PersonalityConfig, wish: Wish) -> Iterator[str]:
    """Names the traits that ask for something else, so that nobody has to guess which of the two counts."""
    levels = {trait: getattr(config.traits, trait) for trait in wish.against}
    said = [
        f'"{spoken_level(trait, level)}"'
        for trait, level in levels.items()
        if wish.against[trait][0] <= level <= wish.against[trait][1]
    ]
    if said:
        yield USER.overrules.format(" and ".join(said))
