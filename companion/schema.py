"""/api/schema/ and /api/docs/: the OpenAPI document, which takes 50 ms to make and never changes, and its page."""

import threading
from functools import cache
from http import HTTPStatus

from django.http.response import HttpResponseBase
from django.utils.encoding import force_bytes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from rest.conditional import Representation, respond

_making = threading.Lock()  # callers who ask at the same time share one document


class SchemaView(SpectacularAPIView):
    """drf-spectacular's view, which makes each of its media types once in a process and answers 304 to its ETag."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: object, **kwargs: object) -> HttpResponseBase:
        """The document, in YAML or JSON as the caller accepts."""
        renderer = request.accepted_renderer
        with _making:
            found = _document(type(renderer))  # type: ignore[arg-type]  # hashable
        name = f'inline; filename="Companion.{renderer.format}"'
        response = respond(request._request, found, {"Content-Disposition": name, "Cache-Control": "no-cache"})
        if response.status_code == HTTPStatus.OK:
            charset = f"; charset={renderer.charset}" if renderer.charset else ""
            response["Content-Type"] = renderer.media_type + charset
        return response


class DocsView(SpectacularSwaggerView):
    """Swagger's page, for whoever reads it: there is no template for anything else, which would be a 500."""

    http_method_names = ["get", "head"]
    authentication_classes = []  # it is open to all; a wrong key would fail once more while the refusal is rendered


@cache
def _document(renderer: type[BaseRenderer]) -> Representation:
    return Representation.of_bytes(force_bytes(renderer().render(_schema(), renderer.media_type, {})))


@cache
def _schema() -> object:
    """The document as values. Those who may ask for it may see all of it, so it does not depend on the request."""
    return SpectacularAPIView.generator_class().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
