"""What can be done to the cached copies of the selected personalities."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from personalities import copies
from personalities.cache import inventory
from personalities.models import Personality


@admin.action(description="Forget cached copies", permissions=["change"])
def forget_copies(model_admin: Any, request: HttpRequest, rows: QuerySet[Personality]) -> None:
    """Drop the selected personalities' copies, nobody else's. Every process loads them anew."""
    keys = [row.key for row in rows]
    copies.forget(keys)
    try:
        count = inventory.forget(keys)
    except inventory.RedisUnavailable as error:
        messages.warning(request, f"No copy from before is believed any more, but none was deleted. {error}")
    else:
        messages.success(request, f"{count} keys forgotten (selected: {len(rows)} personalities).")


@admin.action(description="Warm: copy into the cache", permissions=["change"])
def warm(model_admin: Any, request: HttpRequest, rows: QuerySet[Personality]) -> None:
    """Copy the selected active personalities into Redis, so that the first reader finds them there."""
    number, configs = copies.load([row.key for row in rows])
    try:
        count = inventory.store(number or 0, configs.values())
    except inventory.RedisUnavailable as error:
        messages.error(request, f"Nothing was warmed. {error}")
    else:
        messages.success(
            request, f"Warmed: {count} (selected: {len(rows)}). Inactive ones are not served and stay out."
        )
