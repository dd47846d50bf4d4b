"""The system prompt of a personality: what a language model is told, and which field each line of it comes from."""

from collections.abc import Iterable, Iterator

from personalities.config import PersonalityConfig
from personalities.prompt.parts import Line, Omission, Prompt, Section, estimate_tokens
from personalities.prompt.sections import SECTIONS, Part, user_section
from personalities.prompt.wishes import Wishes

__all__ = ["Line", "Omission", "Prompt", "Section", "Wishes", "assemble", "estimate_tokens"]


def assemble(config: PersonalityConfig, wishes: Wishes | None = None) -> Prompt:
    """Write the system prompt of `config` for a user with `wishes`. Equal arguments always give an equal prompt.

    Its `text` is the sections joined by a blank line; a section is its lines. Every field of the configuration is the
    source of a line or of an omission, so that no setting is silently without effect, and each level of a trait has a
    sentence of its own. What authors wrote is taken to the letter, as data: no placeholder in it is filled, no mark-up
    read, no space trimmed. No disk, database or network is touched.

    A preference that the author has locked is an omission. The user's other wishes come last, as the section `user`,
    and overrule the personality's own ways: where a trait asks for the opposite, the line says so.
    """
    parts = {name: list(write(config)) for name, write in SECTIONS.items()}
    if wishes is not None:
        parts["user"] = list(user_section(config, wishes))
    lines = tuple(line for name, of_section in parts.items() for line in _lines(name, of_section))
    sections = tuple(_sections(lines))
    text = "\n\n".join(section.text for section in sections)
    omissions = tuple(part for of_section in parts.values() for part in of_section if isinstance(part, Omission))
    return Prompt(text=text, tokens=estimate_tokens(text), sections=sections, lines=lines, omissions=omissions)


def _lines(section: str, parts: Iterable[Part]) -> Iterator[Line]:
    for part in parts:
        if not isinstance(part, Omission):
            source, text = part
            yield from (Line(text=line, section=section, source=source) for line in text.split("\n"))


def _sections(lines: Iterable[Line]) -> Iterator[Section]:
    texts: dict[str, list[str]] = {}
    for line in lines:
        texts.setdefault(line.section, []).append(line.text)
    for name, of_section in texts.items():
        text = "\n".join(of_section)
        yield Section(name=name, text=text, tokens=estimate_tokens(text))
