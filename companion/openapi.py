"""The OpenAPI document as a whole: what drf-spectacular finds out from the views is completed and described here.

/api/schema/ serves it, which takes 50 ms to make and never changes, and /api/docs/ is its page.
"""

import threading
from functools import cache
from http import HTTPStatus
from typing import Any

from django.http.response import HttpResponseBase
from django.utils.encoding import force_bytes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from companion import optional_apps
from companion.openapi_examples import add_examples
from rest.conditional import Representation, respond
from rest.openapi import describe_bodies, document_problems, drop_unused, use_one_null

Document = dict[str, Any]

ABOUT = {
    "contact": {"name": "Whoever runs this service"},
    "license": {"name": "MIT License", "identifier": "MIT"},
}
# Relative to the document itself, so that it holds for any host, and below any path, under which a proxy serves it.
SERVERS = [{"url": "../..", "description": "The service that this document comes from."}]
TAGS = {
    "archetypes": "Ready-made characters, from which personalities are made.",
    "chat": "Talk with a personality, in OpenAI's protocol: any client of theirs will do.",
    "conversations": "Conversations that are kept, each with one personality as it was when it began.",
    "personalities": "Characters by name: read, write, check and compare them.",
    "preferences": "How the caller wants to be talked to.",
}

_making = threading.Lock()  # callers who ask at the same time share one document


def complete(result: Document, **_: object) -> Document:
    """A postprocessing hook of drf-spectacular, the last one."""
    schemas = result["components"]["schemas"]
    describe_bodies(schemas)
    use_one_null(schemas)
    document_problems(result)
    optional_apps.describe(result)
    drop_unused(result)
    result["info"] |= ABOUT
    result["servers"] = SERVERS
    operations = [operation for path in result["paths"].values() for operation in path.values()]
    used = {tag for operation in operations for tag in operation["tags"]}
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    for operation in operations:
        add_examples(operation)
    return result


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
