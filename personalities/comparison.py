"""What differs between two configurations, and between two texts."""

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher, unified_diff
from itertools import zip_longest

from personalities.config import Frozen, PersonalityConfig

MAX_NANOSECONDS = 50_000_000  # CPU budget for difflib's worst case (see `_takes_too_long`)
LINE, PAIR = 90, 12  # nanoseconds per line visited; per matching pair visited
NOT_COMPARED = frozenset({"id", "meta"})  # whose personality it is and when it was written, not what it is like


class FieldChange(Frozen, frozen=True):
    """One field that differs. `field` is its dotted path, `traits.humor_level`; the values are plain JSON."""

    field: str
    before: object
    after: object


def changes(before: PersonalityConfig, after: PersonalityConfig) -> list[FieldChange]:
    """The fields that differ, in the order of the configuration."""
    old, new = _flat(before), _flat(after)
    return [FieldChange(field=field, before=old[field], after=new[field]) for field in new if old[field] != new[field]]


def _flat(config: PersonalityConfig) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in config.to_dict().items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": each for key, each in value.items() if name not in NOT_COMPARED}
        elif name not in NOT_COMPARED:
            flat[name] = value
    return flat


class Pair(Frozen, frozen=True):
    """A line before and after; None on the side that lacks it."""

    before: str | None
    after: str | None

    @property
    def differs(self) -> bool:
        """Whether the line was added, removed or changed."""
        return self.before != self.after


def side_by_side(before: str, after: str) -> list[Pair]:
    """The lines of two texts, equal ones side by side; simply in order where finding those would take too long."""
    old, new = before.split("\n"), after.split("\n")
    if _takes_too_long(old, new):
        return list(_pairs(old, new))
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [pair for _, i, j, k, m in blocks for pair in _pairs(old[i:j], new[k:m])]


def unified(before: str, after: str, names: tuple[str, str]) -> str:
    """A unified diff of texts called `names`; "" for equal ones. Replaces every line if comparing takes too long."""
    old, new = before.split("\n"), after.split("\n")
    if before == after or not _takes_too_long(old, new):
        return "\n".join(unified_diff(old, new, *names, lineterm=""))
    head = [f"--- {names[0]}", f"+++ {names[1]}", f"@@ -1,{len(old)} +1,{len(new)} @@"]
    return "\n".join([*head, *(f"-{line}" for line in old), *(f"+{line}" for line in new)])


def _takes_too_long(old: list[str], new: list[str]) -> bool:
    """At worst difflib looks at every line, and every pair of equal ones, once for each block that it finds."""
    counts = Counter(new)
    pairs = sum(counts[line] for line in old)
    blocks = min(pairs, len(old), len(new))
    return blocks * (LINE * len(old) + PAIR * pairs) > MAX_NANOSECONDS


def _pairs(old: list[str], new: list[str]) -> Iterator[Pair]:
    return (Pair(before=left, after=right) for left, right in zip_longest(old, new))
