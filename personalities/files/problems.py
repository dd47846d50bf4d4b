"""What is wrong with files, said so that a terminal can show it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

WHOLE = "non_field_errors"
LONGEST = 300


class Problem(NamedTuple):
    """`field` is a dotted path, and empty where the file as a whole is at fault."""

    file: str
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(printable(part) for part in self if part)


class BadFiles(Exception):
    """Every problem of every file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def problems_of(file: str, errors: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """{"traits": {"humor_level": ["…"]}}, DRF's shape, becomes the field traits.humor_level."""
    for key, found in errors.items():
        here = path if key == WHOLE else (*path, str(key))  # the place in a list is a number
        if isinstance(found, Mapping):
            yield from problems_of(file, found, here)
        else:
            yield from (Problem(file, ".".join(here), str(message)) for message in found)


def printable(text: str, longest: int = LONGEST) -> str:
    """What would steer a terminal, or is no text at all, is shown as an escape; what is too long is cut."""
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)
