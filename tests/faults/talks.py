"""Conversations in a worker: turns, many of them sent twice, and what is read of them meanwhile."""

import hashlib
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection

from conversations import pinning, recent, turns
from conversations.models import Conversation, Message, Role
from conversations.turns import Draft
from personalities.models import Personality
from tests.faults.reads import Caught

AGAIN = 0.3  # the share of turns whose answer gets lost, so that they are sent again
THREADS = 2

Said = tuple[str, str, int, str]  # conversation, key, position of its first message, error
Seen = tuple[str, int, int, str]  # conversation, a position known to be taken, the last one read, digest of what was


def begin(name: str, count: int) -> list[str]:
    """Conversations with the personality `name`."""
    owner, _ = User.objects.get_or_create(username=name)
    config = Personality.objects.get_config(name)
    return [str(pinning.start(owner, config).pk) for _ in range(count)]


def talk(conversations: list[str], speaker: str, count: int) -> dict[str, Any]:
    """So many turns in each of some threads, who take the conversations in turn."""
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
    """One turn, once or twice, and a look at what is there."""
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
    found = recent.recent(conversation)
    last = found[-1].position if found else 0
    return str(conversation.pk), known, last, digest((each.position, each.role, each.content) for each in found)


def look_at(id: str, known: int) -> Seen:
    return look(Conversation(pk=UUID(id)), known)


def digest(messages: Iterable[tuple[int, str, str]]) -> str:
    return hashlib.sha256(repr(list(messages)).encode()).hexdigest()


def kept(id: str) -> list[tuple[int, str, str, str]]:
    """All that PostgreSQL has: position, role, content, key."""
    rows = Message.objects.filter(conversation=UUID(id)).order_by("position")
    return list(rows.values_list("position", "role", "content", "idempotency_key"))


COMMANDS: dict[str, Callable[..., Any]] = {"begin": begin, "talk": talk, "look_at": look_at, "kept": kept}
