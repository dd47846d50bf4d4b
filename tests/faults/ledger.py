"""What was said and seen in conversations, against what PostgreSQL has of them in the end."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from conversations.buffer import LIMIT
from tests.faults.talks import Seen, digest

Row = tuple[int, str, str, str]  # position, role, content, key


@dataclass
class Ledger:
    """`turns` are the keys that were acknowledged, of each conversation, with the position each time."""

    turns: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    repeats: int = 0
    from_redis: int = 0

    def add(self, answer: dict[str, Any]) -> None:
        for conversation, key, position, error in answer["said"]:
            if error:
                self.errors.append(error)
                continue
            self.repeats += (conversation, key) in self.turns
            self.turns.setdefault((conversation, key), set()).add(position)
        self.seen += answer["seen"]
        self.from_redis += answer["from_redis"]

    def wrong(self, kept: dict[str, list[Row]]) -> list[str]:
        """A line for each: lost, doubled, out of place; and reads that were stale, torn or out of order."""
        lines = [f"error: {error}" for error in self.errors]
        lines += [line for conversation, rows in kept.items() for line in self._misplaced(conversation, rows)]
        return lines + [f"stale or torn: {read}" for read in self.seen if not _is_true(read, kept[read[0]])]

    def _misplaced(self, conversation: str, rows: list[Row]) -> list[str]:
        lines = [f"gap in {conversation}"] * ([row[0] for row in rows] != list(range(1, len(rows) + 1)))
        mine = {key: positions for (of, key), positions in self.turns.items() if of == conversation}
        counts = Counter(row[3] for row in rows)
        lines += [f"lost or doubled: {key}, {counts[key]} messages" for key in mine if counts[key] != 2]
        lines += [f"never said: {key}" for key in counts if key not in mine]
        return lines + [
            f"not as said: {key} at {places}" for key, places in mine.items() if not _is_at(key, places, rows)
        ]


def _is_at(key: str, places: set[int], rows: list[Row]) -> bool:
    """Whether every answer named the same place, and the turn stands there."""
    wanted = [("user", f"{key}: question", key), ("assistant", f"{key}: answer", key)]
    (first, *others) = places
    return not others and [tuple(row[1:]) for row in rows[first - 1 : first + 1]] == wanted


def _is_true(read: Seen, rows: list[Row]) -> bool:
    """Not older than what was known when it was begun, and the tail that it says it is."""
    _, known, last, found = read
    tail = rows[max(last - LIMIT, 0) : last]
    return last >= known and found == digest((row[0], row[1], row[2]) for row in tail)
