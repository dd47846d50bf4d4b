"""The buttons of the page "Cache"."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from personalities import copies
from personalities.admin.actions import tell_forgotten, tell_warmed
from personalities.cache import inventory
from personalities.cache.keys import key_of, stem
from personalities.models import Personality
from personalities.warming import warm

ALL = "all"  # what must be said to forget everything: an empty form must not


def forget_one(request: HttpRequest) -> HttpResponse:
    """Drop the copies of the personality under the Redis key `key`, nobody else's."""
    key = key_of(request.POST.get("key", ""))
    if key is None:
        messages.error(request, "key: this is no key of a personality. Nothing was forgotten.")
    else:
        copies.forget([key])
        tell_forgotten(request, lambda: inventory.forget([key]), stem(key))
    return redirect("admin:cache")


def forget_all(request: HttpRequest) -> HttpResponse:
    """Make every process read every personality anew, and delete all copies from Redis."""
    if request.POST.get("confirm") != ALL:
        messages.error(request, f'confirm: must be "{ALL}". Nothing was forgotten.')
    else:
        copies.forget_everything()
        tell_forgotten(request, inventory.forget_all, "all personalities")
    return redirect("admin:cache")


def warm_all(request: HttpRequest) -> HttpResponse:
    """Copy all active personalities into Redis."""
    keys = list(Personality.objects.filter(is_active=True).values_list("owner_id", "personality_name"))
    tell_warmed(request, lambda: sum(warm(keys)), "all active personalities")
    return redirect("admin:cache")
