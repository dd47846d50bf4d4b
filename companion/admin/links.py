"""Puts pages that belong to no model among the models: in the admin's sidebar and on its index."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from companion.admin.cache_page import may_view


def in_sidebar(request: HttpRequest) -> dict[str, object]:
    """UNFOLD's GLOBAL_CALLBACK: context for every page of the admin."""
    return {"available_apps": _apps(request)} if admin.site.has_permission(request) else {}


def on_index(request: HttpRequest, context: dict[str, object]) -> dict[str, object]:
    """UNFOLD's DASHBOARD_CALLBACK: context for the index."""
    return context | {"app_list": _apps(request)}


def _apps(request: HttpRequest) -> list[object]:
    apps = admin.site.get_app_list(request)
    for app in apps:
        if app["app_label"] == "personalities":
            app["models"] += _pages(request)
    return apps


def _pages(request: HttpRequest) -> list[dict[str, object]]:
    pages = [("Playground", reverse("playground"))] if "chat" in settings.COMPANION_APPS else []
    if may_view(request):
        pages.append(("Cache", reverse("admin:cache")))
    return [{"name": name, "object_name": name, "admin_url": url, "view_only": True} for name, url in pages]
