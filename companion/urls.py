from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from accounts.login import SignIn
from chat.page import playground
from companion import monitoring, pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("livez", monitoring.livez, name="livez"),
    path("readyz", monitoring.readyz, name="readyz"),
    path("metrics", monitoring.MetricsView.as_view(), name="metrics"),
    path("admin/", admin.site.urls),
    path("accounts/login/", SignIn.as_view(next_page="playground"), name="login"),
    path("accounts/logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("chat/", playground, name="playground"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("personalities.api.urls")),
    path("api/v1/", include("preferences.api.urls")),
    path("api/v1/", include("conversations.api.urls")),
]
handler400 = "companion.pages.bad_request"
handler403 = "companion.pages.forbidden"
handler404 = "companion.pages.not_found"
handler500 = "companion.pages.server_error"
