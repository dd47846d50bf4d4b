"""What a prompt is made of."""

from personalities.config import Frozen


class Line(Frozen, frozen=True):
    """One line of the text. A blank one belongs to an author's text; those between sections are nobody's."""

    text: str
    section: str
    source: str


class Section(Frozen, frozen=True):
    name: str
    text: str
    tokens: int


class Omission(Frozen, frozen=True):
    """A field of which the text says nothing, and why."""

    source: str
    reason: str


class Prompt(Frozen, frozen=True):
    text: str
    tokens: int
    sections: tuple[Section, ...]
    lines: tuple[Line, ...]
    omissions: tuple[Omission, ...]
