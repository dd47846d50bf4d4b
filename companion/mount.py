"""Mounts an ASGI application beside Django, with the checks and headers of Django's security middleware."""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from io import BytesIO

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from rest.asgi import combined, no_view, with_headers

Headers = tuple[tuple[bytes, bytes], ...]


class Mount:
    """Routes to `application` what is for it, by the path.

    A request that Django would refuse or redirect to HTTPS goes to `otherwise`, which is Django and does so.
    """

    def __init__(
        self, contains: Callable[[str], bool], application: ASGI3Application, otherwise: ASGI3Application
    ) -> None:
        """`contains` is given paths without the root under which a proxy serves the service."""
        self.contains, self.application, self.otherwise = contains, application, otherwise

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request, or hand it on."""
        is_secure = self._is_secure(scope)
        if is_secure is None:
            await self.otherwise(scope, receive, send)
        else:
            await self.application(scope, receive, with_headers(encoded(security_headers(is_secure)), send))

    def _is_secure(self, scope: Scope) -> bool | None:
        """None for a request that is not for this mount."""
        if scope["type"] != "http" or not self.contains(path_below_root(scope["path"], scope.get("root_path"))):
            return None
        headers = combined(scope["headers"])  # two hosts become one that is not allowed
        return is_secure_request(scope.get("scheme", "http"), headers.get(b"host"), headers.get(b"x-forwarded-proto"))


def path_below_root(path: str, root_path: str | None) -> str:
    """The path as routes know it: without the prefix under which a proxy serves the whole application."""
    return path.removeprefix(root_path or "")


@lru_cache(maxsize=1000)
def is_secure_request(scheme: str, host: bytes | None, forwarded_proto: bytes | None) -> bool | None:
    """Whether Django considers such a request to have come by HTTPS; None if it would refuse or redirect it.

    `forwarded_proto` is the X-Forwarded-Proto header, which counts only if the settings trust the proxy. All
    that is in front of Django asks this, with headers `combined` as Django does it.
    """
    given = {b"host": host, b"x-forwarded-proto": forwarded_proto}
    headers = [(name, value) for name, value in given.items() if value is not None]
    request = ASGIRequest({"method": "GET", "path": "/", "scheme": scheme, "headers": headers}, BytesIO())
    if host is None or not _is_allowed_host(request) or SecurityMiddleware(no_view).process_request(request):
        return None
    return request.is_secure()


@cache
def security_headers(is_secure: bool) -> dict[str, str]:
    """What Django's middleware adds to every response."""
    scheme = "https" if is_secure else "http"
    request = ASGIRequest({"method": "GET", "path": "/", "scheme": scheme, "headers": []}, BytesIO())
    response = XFrameOptionsMiddleware(no_view).process_response(request, HttpResponse())
    response = SecurityMiddleware(no_view).process_response(request, response)
    return {name: value for name, value in response.items() if name != "Content-Type"}


def encoded(headers: Mapping[str, str]) -> Headers:
    """Headers as ASGI wants them."""
    return tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())


def _is_allowed_host(request: ASGIRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True
