"""Users in a worker: API keys that are issued, verified and withdrawn, and owners who read global personalities."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import keys, verification
from accounts.models import ApiKey
from coherence.feed import feed
from personalities.models import Personality
from resilience.redis_errors import errors
from tests.faults.reads import Caught

Verdict = tuple[int, int, str, bool, str]  # start, end, key, whether it is let in, error


def issue(count: int) -> list[str]:
    """Issue `count` keys, each to a user of its own."""
    users = [User.objects.create(username=f"u-{secrets.token_hex(5)}") for _ in range(count)]
    return [ApiKey.objects.issue(user)[1] for user in users]


def verify(text: str) -> Verdict:
    """Verify a key as a request does."""
    user, start = None, time.monotonic_ns()
    with Caught() as caught:
        user = ApiKey.objects.verify(text)
    return start, time.monotonic_ns(), text, user is not None, caught.error


def key_of(text: str) -> ApiKey:
    """Return the row of a key."""
    return ApiKey.objects.get(prefix=keys.prefix(text))


def deactivate(user: User) -> None:
    """Switch a user off."""
    user.is_active = False
    user.save()


WAYS: dict[str, Callable[[ApiKey], Any]] = {
    "revoke": lambda key: key.revoke(),
    "delete": lambda key: key.delete(),
    "deactivate": lambda key: deactivate(key.user),
    "delete user": lambda key: key.user.delete(),
}


def withdraw(way: str, text: str) -> int:
    """Withdraw a key by the ORM, in one of WAYS; answer the moment (monotonic, ns) at which it was done."""
    WAYS[way](key_of(text))
    return time.monotonic_ns()


class Verifier:
    """A thread that verifies keys one after the other until it is ended."""

    def __init__(self, texts: list[str]) -> None:
        self._texts, self._verdicts, self._over = texts, list[Verdict](), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> list[Verdict]:
        """Stop; return all verdicts."""
        self._over.set()
        self._thread.join()
        return self._verdicts

    def _run(self) -> None:
        while not self._over.wait(0.001):
            self._verdicts += map(verify, self._texts)
        connection.close()


verifiers: list[Verifier] = []


def begin_verifying(texts: list[str]) -> None:
    """Begin to verify; answer when each key was verified once."""
    assert all(let_in for _, _, _, let_in, _ in map(verify, texts)), "a good key was refused"
    verifiers.append(Verifier(texts))


def invent_keys(count: int) -> int:
    """Verify `count` invented keys, the last of them as a request does; answer how many were let in."""
    texts = [keys.generate() for _ in range(count)]
    prefixes = [keys.prefix(text) or "" for text in texts]
    found = verification.keys.get_many(prefixes)  # what `verify` asks, many at a time
    return sum(answer.value is not None for answer in found.values()) + (ApiKey.objects.verify(texts[-1]) is not None)


def read_as(owners: Sequence[int], names: Sequence[str], shadowing: Sequence[int]) -> dict[str, int]:
    """Read each name as each owner; answer how many queries that took, and how many answers were wrong.

    The owners in `shadowing` have a personality of their own of the first name. `errors` are those of Redis, which on a
    busy machine may not answer in time, and queries while this process heard nothing of the log, for the same reason.
    """
    asked, before = Counter[str](), errors.total()

    def count(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        asked["queries"] += 1
        asked["errors"] += not feed.in_touch
        return execute(sql, *rest)

    expected = {(owner, names[0]): owner for owner in shadowing}
    with connection.execute_wrapper(count):
        for owner in owners:
            for name in names:
                found = Personality.objects.lookup(name, owner).value
                asked["wrong"] += found is None or found.meta.owner != expected.get((owner, name))
    return {"queries": asked["queries"], "wrong": asked["wrong"], "errors": asked["errors"] + errors.total() - before}


def warm() -> bool:
    """Warm as an operator does; answer whether Redis answered in time."""
    with suppress(CommandError):
        call_command("warm_personality_cache", verbosity=0)
        return True
    return False


COMMANDS: dict[str, Callable[..., Any]] = {
    "issue": issue,
    "verify": verify,
    "withdraw": withdraw,
    "begin_verifying": begin_verifying,
    "end_verifying": lambda: verifiers.pop().end(),
    "invent_keys": invent_keys,
    "read_as": read_as,
    "warm": warm,
}
