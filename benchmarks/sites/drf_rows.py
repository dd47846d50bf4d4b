"""DRF with a serializer, from PostgreSQL. In its most favourable form: no middleware, and it lets everybody in.

`application` is Django's own, `threaded` the same view in the service's handler.
"""

from benchmarks.project import configure

OPEN = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
configure("rest_framework", ROOT_URLCONF=__name__, REST_FRAMEWORK=OPEN)

from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.generics import RetrieveAPIView  # noqa: E402
from rest_framework.serializers import ModelSerializer  # noqa: E402

from benchmarks.project import plain  # noqa: E402
from companion.handler import Handler  # noqa: E402

Plain = plain()


class PlainSerializer(ModelSerializer):  # type: ignore[type-arg]
    """All columns of a row."""

    class Meta:
        model = Plain
        fields = "__all__"


class PlainView(RetrieveAPIView):  # type: ignore[type-arg]
    """One row, looked up by name."""

    queryset = Plain._default_manager.filter(owner_id=None, is_active=True)
    serializer_class = PlainSerializer
    lookup_field = "personality_name"


urlpatterns = [path("api/v1/personalities/<str:personality_name>/", PlainView.as_view())]
application, threaded = get_asgi_application(), Handler()
