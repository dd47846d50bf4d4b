"""The system prompt of a personality: what a language model is told, and which field each line of it comes from."""

from collections.abc import Iterable, Iterator

from personalities.config import PersonalityConfig
from personalities.prompt.parts import Line, Omission, Prompt, Section
from personalities.prompt.tokens import estimate_tokens
from personalities.prompt.user import write_wishes
from personalities.prompt.wishes import Wishes
from personalities.prompt.writers import WRITERS, Said

__all__ = ["Line", "Omission", "Prompt", "Section", "Wishes", "assemble", "estimate_tokens"]


def assemble(config: PersonalityConfig, wishes: Wishes | None = None) -> Prompt:
    """The system prompt of `config` for a user with `wishes`. The same of both always give the same text.

    `text` is the sections joined by a blank line; a section is its lines. Every field of the configuration is the
    source of a line or an omission, so that no setting is without effect in silence, and each level of a trait has a
    sentence of its own. What authors wrote stands there to the letter, as data: no placeholder in it is filled, no
    mark-up read, no space trimmed. Nothing is asked of disk, database or network.

    A preference that the author has locked is an omission. What the user wishes otherwise comes last, as the section
    `user`, and goes before the personality's own ways: where a trait asks for something else, the line says so.
    """
    said = {name: list(write(config)) for name, write in WRITERS.items()}
    if wishes is not None:
        said["user"] = list(write_wishes(config, wishes))
    lines = tuple(line for name, parts in said.items() for line in _lines(name, parts))
    sections = tuple(_sections(lines))
    text = "\n\n".join(section.text for section in sections)
    omissions = tuple(part for parts in said.values() for part in parts if isinstance(part, Omission))
    return Prompt(text=text, tokens=estimate_tokens(text), sections=sections, lines=lines, omissions=omissions)


def _lines(section: str, parts: Iterable[Said | Omission]) -> Iterator[Line]:
    for part in parts:
        if not isinstance(part, Omission):
            source, text = part
            yield from (Line(text=line, section=section, source=source) for line in text.split("\n"))


def _sections(lines: Iterable[Line]) -> Iterator[Section]:
    texts: dict[str, list[str]] = {}
    for line in lines:
        texts.setdefault(line.section, []).append(line.text)
    for name, said in texts.items():
        text = "\n".join(said)
        yield Section(name=name, text=text, tokens=estimate_tokens(text))
