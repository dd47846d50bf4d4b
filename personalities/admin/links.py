"""Pages that are no model's among the models: in the sidebar and on the index."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from personalities.admin.cache_page import may_view


def in_sidebar(request: HttpRequest) -> dict[str, Any]:
    """UNFOLD's GLOBAL_CALLBACK: what every page of the admin is told besides."""
    return {"available_apps": _apps(request)} if admin.site.has_permission(request) else {}


def on_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """UNFOLD's DASHBOARD_CALLBACK."""
    return context | {"app_list": _apps(request)}


def _apps(request: HttpRequest) -> list[Any]:
    apps = admin.site.get_app_list(request)
    for app in apps:
        if app["app_label"] == "personalities":
            app["models"] += _pages(request)
    return apps


def _pages(request: HttpRequest) -> list[dict[str, Any]]:
    pages = [("Playground", reverse("playground"))] if "chat" in settings.COMPANION_APPS else []
    if may_view(request):
        pages.append(("Cache", reverse("admin:cache")))
    return [{"name": name, "object_name": name, "admin_url": url, "view_only": True} for name, url in pages]
