"""The actions of the list: forget or warm the cached copies of the selected personalities, and say what came of it."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from coherence import warming
from coherence.redis_copies import RedisUnavailable
from personalities.cache import config_cache, configs_in_redis
from personalities.models import Personality


@admin.action(description="Forget cached copies", permissions=["change"])
def forget_copies(model_admin: ModelAdmin, request: HttpRequest, rows: QuerySet[Personality]) -> None:
    """Forget the copies of the selected personalities only. Every process loads them anew."""
    keys = [row.key for row in rows]
    config_cache.invalidate(keys)
    report_forgotten(request, lambda: configs_in_redis.delete_or_raise([keys]), f"selected: {len(rows)} personalities")


@admin.action(description="Warm: copy into the cache", permissions=["change"])
def warm(model_admin: ModelAdmin, request: HttpRequest, rows: QuerySet[Personality]) -> None:
    """Copy the selected active personalities into Redis before anybody reads them."""
    keys = [row.key for row in rows]
    report_warmed(request, lambda: sum(warming.warm(config_cache, configs_in_redis, keys)), f"selected: {len(rows)}")


def report_forgotten(request: HttpRequest, delete: Callable[[], int], what: str) -> None:
    """Call `delete`, which returns how many Redis keys it deleted, and tell the user. `what` names whose they were."""
    try:
        count = delete()
    except RedisUnavailable as error:
        messages.warning(request, f"No copy from before is served any more, but none was deleted. {error}")
    else:
        messages.success(request, f"{count} keys forgotten ({what}).")


def report_warmed(request: HttpRequest, store: Callable[[], int], what: str) -> None:
    """Call `store`, which returns how many copies it stored, and tell the user. `what` names whose they are."""
    try:
        count = store()
    except RedisUnavailable as error:
        messages.error(request, f"Nothing was warmed. {error}")
    else:
        messages.success(request, f"Warmed: {count} ({what}). Inactive ones are not served and stay out.")
