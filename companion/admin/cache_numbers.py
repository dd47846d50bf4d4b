"""What the cache page shows: lookups of every kind in this process, the change feed, and personalities in Redis.

Everything is ready for JSON. Beside each count stand the `words` that people read, so that script and template agree.
"""

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.text import capfirst

from coherence.cache import SOURCES, CoherentCache, Source
from coherence.feed import feed
from coherence.listener import listener
from coherence.redis_copies import Entry, RedisUnavailable, Survey
from coherence.shared import NoSharedCache
from personalities.cache import Key, configs_in_redis
from resilience.redis_pool import breaker_of

Json = dict[str, object]
SHOWN = 100  # copies in Redis that are listed


def numbers() -> Json:
    """All numbers at this moment. `at` is in seconds: the difference in counts over that in times is a rate."""
    if not feed.in_touch:
        listener.ensure()  # this process may not follow the change log yet
    return {
        "pid": os.getpid(),
        "at": time.monotonic(),
        "kinds": {kind: _kind(kind) for kind in sorted(CoherentCache.by_kind, key="personality".__ne__)},
        "feed": _feed(),
        "breaker": _breaker(),
        "redis": _redis(),
    }


def _kind(kind: str) -> Json:
    cache = CoherentCache.by_kind[kind]
    lookups = cache.lookups
    total = lookups.total()
    from_database = sum(lookups["database", found] for found in (True, False))
    sources = [source for source in SOURCES if source != "redis" or not isinstance(cache.shared, NoSharedCache)]
    words = {
        "total": counted(total),
        "hits": share(total - from_database, total),
        "unverified": counted(cache.unverified_answers),
    }
    return {
        "title": _title(kind),
        "total": total,
        "unverified": cache.unverified_answers,
        "sources": {source: _source(lookups, source) for source in sources},
        "kept": _kept(cache),
        "words": words,
    }


def _title(kind: str) -> str:
    """The plural of the model that the kind is named after, if it is: `api_key` of ApiKey, "API keys"."""
    names = {model._meta.model_name: model._meta.verbose_name_plural for model in apps.get_models()}
    return capfirst(str(names.get(kind.replace("_", ""), kind.replace("_", " "))))


def _source(lookups: Counter[tuple[Source, bool]], source: Source) -> Json:
    found, absent = lookups[source, True], lookups[source, False]
    total = lookups.total()
    words = {"found": counted(found), "absent": counted(absent), "share": share(found + absent, total)}
    return {"found": found, "absent": absent, "share": (found + absent) / (total or 1), "words": words}


def _kept(cache: CoherentCache[object, object]) -> Json:
    kept = {"found": len(cache.positive), "absent": len(cache.negative), "capacity": cache.capacity}
    return {**kept, "words": {name: counted(count) for name, count in kept.items()}}


def _feed() -> Json:
    in_touch, age = feed.in_touch, feed.age
    heard = None if age == float("inf") else age
    words = {
        "state": "in touch" if in_touch else "out of touch",
        "heard": "never heard of" if heard is None else f"heard {ago(heard)}",
        "number": str(feed.number),
    }
    return {"good": in_touch, "number": feed.number, "age": heard, "words": words}


def _breaker() -> Json:
    breaker = breaker_of()
    state, opened = (breaker.state, breaker.opened) if breaker else ("none", 0)
    words = {"state": state, "opened": f"opened {counted(opened)} {'time' if opened == 1 else 'times'}"}
    return {"good": state in ("closed", "none"), "state": state, "opened": opened, "words": words}


def _redis() -> Json:
    """Copies of personalities in Redis; `problem` says why there are none to show."""
    try:
        survey = configs_in_redis.survey(SHOWN)
    except RedisUnavailable as error:
        state = "does not answer" if settings.REDIS_ENABLED else "switched off"
        return {"good": False, "problem": str(error), "count": None, "entries": [], "words": {"state": state}}
    words = {"state": "answers", "count": _count_in_words(survey), "shown": _shown_in_words(survey)}
    return {"good": True, "problem": "", "count": survey.count, "entries": _rows(survey.first), "words": words}


def _rows(entries: Iterable[Entry]) -> list[Json]:
    keys = {entry: key for entry in entries if (key := configs_in_redis.key_of(entry.key))}
    users = User.objects.in_bulk({owner for owner, _ in keys.values() if owner is not None})
    return [_row(entry, key, users) for entry, key in keys.items()]


def _row(entry: Entry, key: Key, users: Mapping[int, User]) -> Json:
    owner, name = key
    user = users.get(owner) if owner is not None else None
    cells = {
        "name": name,
        "owner": "global" if owner is None else user.get_username() if user else f"user {owner}, who is gone",
        "expires": "never" if entry.ttl is None else f"in {lasting(entry.ttl)}",
        "age": _age(entry),
        "size": f"{counted(entry.size)} B",
    }
    return {"key": entry.key, "ttl": entry.ttl, "size": entry.size, "cells": cells}


def _age(entry: Entry) -> str:
    """Redis does not tell when a key was written; it follows from the time to live that ours begin with."""
    age = -1 if entry.ttl is None else settings.COPY_TTL_SECONDS - entry.ttl
    return f"{lasting(age)} ago" if age >= 0 else "unknown"


def _count_in_words(survey: Survey) -> str:
    count = f"{counted(survey.count)} {'copy' if survey.count == 1 else 'copies'}"
    return count if survey.complete else f"at least {count}"


def _shown_in_words(survey: Survey) -> str:
    return f"The first {SHOWN} are shown." if survey.count > SHOWN else ""


# ── Numbers as people read them ───────────────────────────────────────────────────────────────────────────────────────


def counted(count: int) -> str:
    """A count with commas, such as `1,234`."""
    return f"{count:,}"


def share(part: int, whole: int) -> str:
    """A part in per cent, such as `66.7%`; a dash if the whole is nothing."""
    return f"{part / whole:.1%}" if whole else "–"


def ago(seconds: float) -> str:
    """How long ago something was: `0.4 s ago`, `3 min 5 s ago`."""
    return f"{seconds:.1f} s ago" if seconds < 10 else f"{lasting(int(seconds))} ago"


def lasting(seconds: int) -> str:
    """A duration in its two largest units, such as `23 h 59 min`."""
    for unit, name, size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name} {seconds % unit // size} {smaller}"
    return f"{seconds} s"
