"""What differs between two configurations."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from personalities.config import Frozen, PersonalityConfig

APART = frozenset({"id", "meta"})  # whose it is and when, not how it is


class Change(Frozen, frozen=True):
    """`field` is a dotted path in the configuration, `traits.humor_level`."""

    field: str
    before: Any
    after: Any


def changes(before: PersonalityConfig, after: PersonalityConfig) -> list[Change]:
    """The fields that differ, in the order of the configuration."""
    old, new = _flat(before), _flat(after)
    return [Change(field=field, before=old[field], after=new[field]) for field in new if old[field] != new[field]]


def _flat(config: PersonalityConfig) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.to_dict().items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": each for key, each in value.items() if name not in APART}
        elif name not in APART:
            flat[name] = value
    return flat


class Pair(Frozen, frozen=True):
    """A line before and after; None where there was or is none."""

    before: str | None
    after: str | None

    @property
    def differs(self) -> bool:
        return self.before != self.after


def side_by_side(before: str, after: str) -> list[Pair]:
    """The lines of two texts, those that are alike beside each other."""
    old, new = before.split("\n"), after.split("\n")
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [pair for _, i, j, k, m in blocks for pair in _pairs(old[i:j], new[k:m])]


def _pairs(old: list[str], new: list[str]) -> Iterator[Pair]:
    return (Pair(before=left, after=right) for left, right in zip_longest(old, new))
