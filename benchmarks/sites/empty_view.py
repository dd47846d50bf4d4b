"""The least that Django can do: no middleware, an asynchronous view, ready bytes."""

import os

from benchmarks.project import configure

configure(ROOT_URLCONF=__name__)

from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

BODY = bytes(int(os.environ["BODY_BYTES"]))


async def view(request: HttpRequest, name: str) -> HttpResponse:
    """Answer BODY."""
    return HttpResponse(BODY, content_type="application/json")


urlpatterns = [path("api/v1/personalities/<str:name>/", view)]
application = get_asgi_application()
