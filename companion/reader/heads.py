"""The headers of an answer, asked of Django once: what its middleware adds, and what the view says of all alike."""

from collections.abc import Mapping
from functools import cache, lru_cache
from io import BytesIO

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from coherence.answer import Answer
from personalities.api import provenance
from personalities.api.representation import Representation
from personalities.api.views import PersonalityDetailView, PersonalityIdView

Header = tuple[bytes, bytes]
View = type[PersonalityDetailView] | type[PersonalityIdView]


@lru_cache(maxsize=1000)
def of_middleware(scheme: str, host: bytes | None, forwarded: bytes | None) -> tuple[Header, ...] | None:
    """What is added to every answer to a request that comes so; None when it would be refused, or sent to HTTPS.

    `forwarded` is the header by which a proxy tells the scheme.
    """
    given = {b"host": host, b"x-forwarded-proto": forwarded}
    headers = [(name, value) for name, value in given.items() if value is not None]
    request = ASGIRequest({"method": "GET", "path": "/", "scheme": scheme, "headers": headers}, BytesIO())
    security, frames = SecurityMiddleware(_nobody), XFrameOptionsMiddleware(_nobody)
    if host is None or not _is_allowed(request) or security.process_request(request):
        return None
    response = HttpResponse(headers={"Content-Type": ""})
    response = security.process_response(request, frames.process_response(request, response))
    return _encoded({name: value for name, value in response.items() if name != "Content-Type"})


@cache
def of_view(view: View, status: int) -> tuple[Header, ...]:
    """What it says of every personality that is near; the ETag is missing, and the length."""
    of_body = Representation(b"", "").headers
    del of_body["ETag"]
    if status == 304:  # there is none
        del of_body["Content-Type"]
    near = provenance.headers([Answer(None, "near")])
    asked = view()
    asked.setup(HttpRequest())  # from here on it also knows HEAD
    return _encoded({**of_body, **near, "Allow": ", ".join(asked.allowed_methods)})


def _is_allowed(request: ASGIRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True


def _encoded(headers: Mapping[str, str]) -> tuple[Header, ...]:
    return tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())


def _nobody(request: object) -> HttpResponseBase:
    raise AssertionError("the middleware is asked for its own part only")
