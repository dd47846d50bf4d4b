"""What the cache page shows of Redis."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from coherence.redis_copies import Entry, RedisUnavailable, Survey
from personalities.admin.wording import counted, lasting
from personalities.cache import Key, redis_copies

SHOWN = 100


def redis() -> dict[str, Any]:
    """`problem` says why there is nothing to show."""
    try:
        survey = redis_copies.survey(SHOWN)
    except RedisUnavailable as error:
        state = "does not answer" if settings.REDIS_ENABLED else "switched off"
        return {"good": False, "problem": str(error), "count": None, "entries": [], "words": {"state": state}}
    words = {"state": "answers", "count": _how_many(survey), "shown": _how_many_shown(survey)}
    return {"good": True, "problem": "", "count": survey.count, "entries": rows(survey.first), "words": words}


def rows(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """One of each copy; `key` is the Redis key."""
    keys = {entry: key for entry in entries if (key := redis_copies.key_of(entry.key))}
    names = User.objects.in_bulk({owner for owner, _ in keys.values() if owner is not None})
    return [_row(entry, key, names) for entry, key in keys.items()]


def _row(entry: Entry, key: Key, users: dict[Any, User]) -> dict[str, Any]:
    owner, name = key
    user = users.get(owner)
    cells = {
        "name": name,
        "owner": "global" if owner is None else user.get_username() if user else f"user {owner}, who is gone",
        "expires": "never" if entry.ttl is None else f"in {lasting(entry.ttl)}",
        "age": _age(entry),
        "size": f"{counted(entry.size)} B",
    }
    return {"key": entry.key, "ttl": entry.ttl, "size": entry.size, "cells": cells}


def _age(entry: Entry) -> str:
    """Redis does not tell: it follows from how long ours are kept."""
    age = -1 if entry.ttl is None else settings.COPY_TTL_SECONDS - entry.ttl
    return f"{lasting(age)} ago" if age >= 0 else "unknown"


def _how_many(survey: Survey) -> str:
    count = f"{counted(survey.count)} {'copy' if survey.count == 1 else 'copies'}"
    return count if survey.complete else f"at least {count}"


def _how_many_shown(survey: Survey) -> str:
    return f"The first {SHOWN} are shown." if survey.count > SHOWN else ""
