"""What can be done to the cached copies of the selected personalities, and what is said of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from coherence.redis_copies import RedisUnavailable
from personalities.cache import load, personalities, redis_copies
from personalities.models import Personality


@admin.action(description="Forget cached copies", permissions=["change"])
def forget_copies(model_admin: Any, request: HttpRequest, rows: QuerySet[Personality]) -> None:
    """Drop the selected personalities' copies, nobody else's. Every process loads them anew."""
    keys = [row.key for row in rows]
    personalities.invalidate(keys)
    tell_forgotten(request, lambda: redis_copies.purge([keys]), f"selected: {len(rows)} personalities")


@admin.action(description="Warm: copy into the cache", permissions=["change"])
def warm(model_admin: Any, request: HttpRequest, rows: QuerySet[Personality]) -> None:
    """Copy the selected active personalities into Redis, so that the first reader finds them there."""
    number, configs = load([row.key for row in rows])
    tell_warmed(request, lambda: redis_copies.put(number or 0, configs), f"selected: {len(rows)}")


def tell_forgotten(request: HttpRequest, delete: Callable[[], int], what: str) -> None:
    """Delete copies from Redis that are not served any more, and say how many keys that were."""
    try:
        count = delete()
    except RedisUnavailable as error:
        messages.warning(request, f"No copy from before is served any more, but none was deleted. {error}")
    else:
        messages.success(request, f"{count} keys forgotten ({what}).")


def tell_warmed(request: HttpRequest, store: Callable[[], int], what: str) -> None:
    """Store in Redis, and say how many."""
    try:
        count = store()
    except RedisUnavailable as error:
        messages.error(request, f"Nothing was warmed. {error}")
    else:
        messages.success(request, f"Warmed: {count} ({what}). Inactive ones are not served and stay out.")
