"""The page "Cache": how lookups of every kind are answered, live, and buttons that forget and warm personalities."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from coherence.feed import invalidate_everything
from coherence.warming import warm
from companion.admin.cache_numbers import numbers
from personalities.admin.actions import report_forgotten, report_warmed
from personalities.cache import codec, config_cache, configs_in_redis
from personalities.models import Personality
from personalities.owned_names import owned_names_in_redis
from personalities.warming import expected_owners, warm_owned_names

View = Callable[[HttpRequest], HttpResponse]
ALL = "all"  # must be sent to forget everything: an empty form must not do that


def add_to_admin() -> None:
    """Add the page's addresses below the admin's own, named `admin:cache` and so on."""
    cast(Any, admin.site).extra_urls = urls  # unfold's way to a page that belongs to no model


def urls() -> list[URLPattern]:
    """The page, its numbers as JSON, and the three buttons."""
    return [
        path("cache/", _guarded(may_view, require_safe(page)), name="cache"),
        path("cache/numbers/", _guarded(may_view, require_safe(live)), name="cache_numbers"),
        path("cache/forget/", _guarded(may_change, require_POST(forget_one)), name="cache_forget"),
        path("cache/forget-all/", _guarded(may_change, require_POST(forget_all)), name="cache_forget_all"),
        path("cache/warm-all/", _guarded(may_change, require_POST(warm_all)), name="cache_warm_all"),
    ]


def may_view(request: HttpRequest) -> bool:
    """Whoever may view the list of personalities in the admin may view the page."""
    return admin.site.has_permission(request) and _personalities().has_view_permission(request)


def may_change(request: HttpRequest) -> bool:
    """Whoever may change personalities in the admin may press the buttons."""
    return admin.site.has_permission(request) and _personalities().has_change_permission(request)


def page(request: HttpRequest) -> HttpResponse:
    """The page, complete without scripts."""
    request.current_app = admin.site.name
    context = {"title": "Cache", "now": numbers(), "may_change": may_change(request)}
    return render(request, "admin/cache/page.html", admin.site.each_context(request) | context)


def live(request: HttpRequest) -> HttpResponse:
    """The page's numbers as JSON, for its script."""
    return JsonResponse(numbers())


def forget_one(request: HttpRequest) -> HttpResponse:
    """Drop the copies of the one personality under the Redis key `key`."""
    key = configs_in_redis.key_of(request.POST.get("key", ""))
    if key is None:
        messages.error(request, "key: this is no key of a personality. Nothing was forgotten.")
    else:
        config_cache.invalidate([key])
        report_forgotten(request, lambda: configs_in_redis.delete_or_raise([[key]]), codec.log_key(key))
    return redirect("admin:cache")


def forget_all(request: HttpRequest) -> HttpResponse:
    """Make every process read every personality anew, and delete all their copies from Redis."""
    if request.POST.get("confirm") != ALL:
        messages.error(request, f'confirm: must be "{ALL}". Nothing was forgotten.')
    else:
        invalidate_everything()
        report_forgotten(request, purge_all, "all personalities")
    return redirect("admin:cache")


def warm_all(request: HttpRequest) -> HttpResponse:
    """Copy all active personalities into Redis, and which names likely callers have of their own."""
    report_warmed(request, copy_all, "all active personalities")
    return redirect("admin:cache")


def purge_all() -> int:
    """Delete all copies from Redis; return how many keys that were. Raises RedisUnavailable."""
    deleted = configs_in_redis.delete_or_raise(configs_in_redis.scan())
    return deleted + owned_names_in_redis.delete_or_raise(owned_names_in_redis.scan())


def copy_all() -> int:
    """Copy all active personalities into Redis; return how many that were. Raises RedisUnavailable."""
    warm_owned_names(expected_owners())
    return sum(warm(config_cache, configs_in_redis, Personality.objects.active_keys()))


def _personalities() -> "admin.ModelAdmin[Personality]":
    return admin.site.get_model_admin(Personality)


def _guarded(may: Callable[[HttpRequest], bool], view: View) -> View:
    """Anonymous visitors are sent to the login, as everywhere in the admin; a user who may not is refused."""
    signed_in = admin.site.admin_view(view)

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and not may(request):
            raise PermissionDenied
        return signed_in(request)

    return guarded
