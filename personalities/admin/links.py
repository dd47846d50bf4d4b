"""The page "Cache" among the models: in the sidebar and on the index."""

from typing import Any

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
        if app["app_label"] == "personalities" and may_view(request):
            link = {"name": "Cache", "object_name": "Cache", "admin_url": reverse("admin:cache"), "view_only": True}
            app["models"].append(link)
    return apps
