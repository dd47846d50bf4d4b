"""Owners who read global personalities in a worker, and how many queries that took."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection

from personalities.models import Personality
from resilience.redis_errors import errors


def read_as(owners: Sequence[int], names: Sequence[str], shadowing: Sequence[int]) -> dict[str, int]:
    """Read each name as each owner; answer how many queries that took, and how many answers were wrong.

    The owners in `shadowing` have a personality of their own of the first name. `errors` are those of Redis, which on a
    busy machine may not answer in time.
    """
    asked, before = Counter[str](), errors.total()

    def count(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        asked["queries"] += 1
        return execute(sql, *rest)

    expected = {(owner, names[0]): owner for owner in shadowing}
    with connection.execute_wrapper(count):
        for owner in owners:
            for name in names:
                found = Personality.objects.lookup(name, owner).value
                asked["wrong"] += found is None or found.meta.owner != expected.get((owner, name))
    return {"queries": asked["queries"], "wrong": asked["wrong"], "errors": errors.total() - before}


def warm() -> bool:
    """Warm as an operator does; answer whether Redis answered in time."""
    with suppress(CommandError):
        call_command("warm_personality_cache", verbosity=0)
        return True
    return False


COMMANDS: dict[str, Callable[..., Any]] = {"read_as": read_as, "warm": warm}
