"""Every route of Django. Chat's API is beside Django: `optional_apps.mount_chat` puts it there."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from accounts.login import SignIn
from companion import monitoring, optional_apps, pages
from companion.admin import cache_page
from companion.openapi import DocsView, SchemaView

AFTER_LOGIN = "playground" if optional_apps.is_installed("chat") else "home"

cache_page.add_to_admin()
urlpatterns = [
    path("", pages.home, name="home"),
    path("livez", monitoring.livez, name="livez"),
    path("readyz", monitoring.readyz, name="readyz"),
    path("metrics", monitoring.MetricsView.as_view(), name="metrics"),
    path("admin/", admin.site.urls),
    path("accounts/login/", SignIn.as_view(next_page=AFTER_LOGIN), name="login"),
    path("accounts/logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("personalities.api.urls")),
    *optional_apps.routes(),
]
handler400 = "companion.pages.bad_request"
handler403 = "companion.pages.forbidden"
handler404 = "companion.pages.not_found"
handler500 = "companion.pages.server_error"
