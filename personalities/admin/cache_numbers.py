"""What the cache page shows of this process. Each count stands beside the words that people read."""

import os
import time
from collections import Counter
from typing import Any

from coherence.cache import SOURCES, CoherentCache, NotShared, Source
from coherence.feed import feed
from coherence.listener import listener
from personalities.admin.cache_entries import redis
from personalities.admin.wording import ago, counted, share
from resilience.redis_pool import breaker_of

TITLES = {"personality": "Personalities", "preferences": "Preferences", "user": "Users", "api_key": "API keys"}


def numbers() -> dict[str, Any]:
    """As JSON would have it. `at` is in seconds: counts of one process, taken apart, make a rate."""
    if not feed.in_touch:
        listener.ensure()  # it may not have begun to follow the log in this process
    return {
        "pid": os.getpid(),
        "at": time.monotonic(),
        "kinds": {kind: _kind(kind) for kind in sorted(CoherentCache.by_kind, key="personality".__ne__)},
        "feed": _feed(),
        "breaker": _breaker(),
        "redis": redis(),
    }


def _kind(kind: str) -> dict[str, Any]:
    cache = CoherentCache.by_kind[kind]
    lookups = cache.lookups
    total = lookups.total()
    asked = sum(lookups["database", found] for found in (True, False))
    sources = [source for source in SOURCES if source != "redis" or not isinstance(cache.shared, NotShared)]
    return {
        "title": TITLES.get(kind, kind),
        "total": total,
        "unverified": cache.unverified,
        "sources": {source: _source(lookups, source) for source in sources},
        "kept": _kept(cache),
        "words": {
            "total": counted(total),
            "hits": share(total - asked, total),
            "unverified": counted(cache.unverified),
        },
    }


def _source(lookups: Counter[tuple[Source, bool]], source: Source) -> dict[str, Any]:
    found, absent = lookups[source, True], lookups[source, False]
    total = lookups.total()
    words = {"found": counted(found), "absent": counted(absent), "share": share(found + absent, total)}
    return {"found": found, "absent": absent, "share": (found + absent) / (total or 1), "words": words}


def _kept(cache: CoherentCache[Any, Any]) -> dict[str, Any]:
    kept = {"found": len(cache.found), "absent": len(cache.absent), "capacity": cache.capacity}
    return kept | {"words": {name: counted(count) for name, count in kept.items()}}


def _feed() -> dict[str, Any]:
    in_touch, age = feed.in_touch, feed.age
    heard = None if age == float("inf") else age
    words = {
        "state": "in touch" if in_touch else "out of touch",
        "heard": "never heard of" if heard is None else f"heard {ago(heard)}",
        "number": str(feed.number),
    }
    return {"good": in_touch, "number": feed.number, "age": heard, "words": words}


def _breaker() -> dict[str, Any]:
    breaker = breaker_of()
    state, opened = (breaker.state, breaker.opened) if breaker else ("none", 0)
    words = {"state": state, "opened": f"opened {counted(opened)} {'time' if opened == 1 else 'times'}"}
    return {"good": state in ("closed", "none"), "state": state, "opened": opened, "words": words}
