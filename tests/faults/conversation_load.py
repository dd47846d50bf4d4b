"""Conversations in a worker: turns, many of them sent twice, what is read meanwhile; and the judge of all that."""

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection

from conversations import pinning, recent, turns
from conversations.models import Conversation, Message, Role
from conversations.redis_list import LIMIT
from conversations.turns import Draft
from personalities.models import Personality
from tests.faults.reads import Caught

AGAIN = 0.3  # the share of turns whose answer gets lost, so that they are sent again
THREADS = 2

Said = tuple[str, str, int, str]  # conversation, key, position of its first message, error
Seen = tuple[str, int, int, str]  # conversation, a position known to be taken, the last one read, digest of what was


def begin(name: str, count: int) -> list[str]:
    """Start `count` conversations with the personality `name`; answer their ids."""
    owner, _ = User.objects.get_or_create(username=name)
    config = Personality.objects.get_config(name)
    return [str(pinning.start(owner, config, greeting=False).pk) for _ in range(count)]


def talk(conversations: list[str], speaker: str, count: int) -> dict[str, Any]:
    """Have THREADS threads say `count` turns each, taking the conversations in turn; answer what was said and seen."""
    said: list[Said] = []
    seen: list[Seen] = []
    before = recent.sources["redis"]

    def run(thread: int) -> None:
        for number in range(count):
            id = conversations[(number + thread) % len(conversations)]
            speak(Conversation(pk=UUID(id)), f"{speaker}-{thread}-{number}", said, seen)
        connection.close()

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"said": said, "seen": seen, "from_redis": recent.sources["redis"] - before}


def speak(conversation: Conversation, key: str, said: list[Said], seen: list[Seen]) -> None:
    """Say one turn, once or twice, and look at what is there."""
    drafts = [Draft(Role.USER, f"{key}: question"), Draft(Role.ASSISTANT, f"{key}: answer")]
    known = 0
    for _ in range(1 + (random.random() < AGAIN)):
        with Caught() as caught:
            known = turns.append(conversation, drafts, key).messages[0].position
        said.append((str(conversation.pk), key, known, caught.error))
    with Caught() as caught:
        seen.append(look(conversation, known))
    if caught.error:
        said.append((str(conversation.pk), key, known, caught.error))


def look(conversation: Conversation, known: int) -> Seen:
    """Read the recent messages, of which position `known` must be one."""
    found = recent.recent(conversation)
    last = found[-1].position if found else 0
    return str(conversation.pk), known, last, digest((each.position, each.role, each.content) for each in found)


def look_at(id: str, known: int) -> Seen:
    """Read the recent messages of the conversation `id`."""
    return look(Conversation(pk=UUID(id)), known)


def digest(messages: Iterable[tuple[int, str, str]]) -> str:
    """Return a digest of messages."""
    return hashlib.sha256(repr(list(messages)).encode()).hexdigest()


def kept(id: str) -> list[tuple[int, str, str, str]]:
    """Answer all that PostgreSQL has of a conversation: position, role, content, key."""
    rows = Message.objects.filter(conversation=UUID(id)).order_by("position")
    return list(rows.values_list("position", "role", "content", "idempotency_key"))


COMMANDS: dict[str, Callable[..., Any]] = {"begin": begin, "talk": talk, "look_at": look_at, "kept": kept}


Row = tuple[int, str, str, str]  # position, role, content, key


@dataclass
class Ledger:
    """What was said and seen, to be compared with what PostgreSQL has in the end.

    `turns` are the acknowledged keys of each conversation, with the position each time.
    """

    turns: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    repeats: int = 0
    from_redis: int = 0

    def add(self, answer: dict[str, Any]) -> None:
        """Add what `talk` answered."""
        for conversation, key, position, error in answer["said"]:
            if error:
                self.errors.append(error)
                continue
            self.repeats += (conversation, key) in self.turns
            self.turns.setdefault((conversation, key), set()).add(position)
        self.seen += answer["seen"]
        self.from_redis += answer["from_redis"]

    def wrong(self, kept: dict[str, list[Row]]) -> list[str]:
        """Return a line for each turn lost, doubled or out of place, and for each read that was stale or torn."""
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
    """Whether it is not older than what was known when it began, and exactly the messages up to its last one."""
    _, known, last, found = read
    tail = rows[max(last - LIMIT, 0) : last]
    return last >= known and found == digest((row[0], row[1], row[2]) for row in tail)
