"""The page "Cache": how lookups are answered, live, and what can be done to copies."""

from collections.abc import Callable
from functools import wraps

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from personalities.admin import cache_verbs
from personalities.admin.cache_numbers import numbers
from personalities.models import Personality

View = Callable[[HttpRequest], HttpResponse]
TEMPLATE = "admin/personalities/cache/page.html"


def urls() -> list[URLPattern]:
    """Below the admin's own address."""
    return [
        path("cache/", _guarded(may_view, require_safe(page)), name="cache"),
        path("cache/numbers/", _guarded(may_view, require_safe(live)), name="cache_numbers"),
        path("cache/forget/", _guarded(may_change, require_POST(cache_verbs.forget_one)), name="cache_forget"),
        path("cache/forget-all/", _guarded(may_change, require_POST(cache_verbs.forget_all)), name="cache_forget_all"),
        path("cache/warm-all/", _guarded(may_change, require_POST(cache_verbs.warm_all)), name="cache_warm_all"),
    ]


def may_view(request: HttpRequest) -> bool:
    """As for the list of personalities."""
    return admin.site.has_permission(request) and _personalities().has_view_permission(request)


def may_change(request: HttpRequest) -> bool:
    return admin.site.has_permission(request) and _personalities().has_change_permission(request)


def page(request: HttpRequest) -> HttpResponse:
    request.current_app = admin.site.name
    context = {"title": "Cache", "now": numbers(), "may_change": may_change(request)}
    return render(request, TEMPLATE, admin.site.each_context(request) | context)


def live(request: HttpRequest) -> HttpResponse:
    """The same numbers, for the script."""
    return JsonResponse(numbers())


def _personalities() -> "admin.ModelAdmin[Personality]":
    return admin.site.get_model_admin(Personality)


def _guarded(may: Callable[[HttpRequest], bool], view: View) -> View:
    """Who is not signed in is sent to log in, as everywhere in the admin. Who is, but may not, is refused."""
    signed_in = admin.site.admin_view(view)

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and not may(request):
            raise PermissionDenied
        return signed_in(request)

    return guarded
