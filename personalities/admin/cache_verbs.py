"""The buttons of the page "Cache"."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from coherence.commands import warm
from personalities.admin.actions import tell_forgotten, tell_warmed
from personalities.cache import codec, personalities, redis_copies
from personalities.models import Personality

ALL = "all"  # what must be said to forget everything: an empty form must not


def forget_one(request: HttpRequest) -> HttpResponse:
    """Drop the copies of the personality under the Redis key `key`, nobody else's."""
    key = redis_copies.key_of(request.POST.get("key", ""))
    if key is None:
        messages.error(request, "key: this is no key of a personality. Nothing was forgotten.")
    else:
        personalities.invalidate([key])
        tell_forgotten(request, lambda: redis_copies.purge([[key]]), codec.log_key(key))
    return redirect("admin:cache")


def forget_all(request: HttpRequest) -> HttpResponse:
    """Make every process read every personality anew, and delete all copies from Redis."""
    if request.POST.get("confirm") != ALL:
        messages.error(request, f'confirm: must be "{ALL}". Nothing was forgotten.')
    else:
        personalities.invalidate()
        tell_forgotten(request, lambda: redis_copies.purge(redis_copies.scan()), "all personalities")
    return redirect("admin:cache")


def warm_all(request: HttpRequest) -> HttpResponse:
    """Copy all active personalities into Redis."""
    keys = Personality.objects.active_keys()
    tell_warmed(request, lambda: sum(warm(personalities, redis_copies, keys)), "all active personalities")
    return redirect("admin:cache")
