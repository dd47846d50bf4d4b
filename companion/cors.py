"""Pages of other origins may call OpenAI's API and REST, with an API key, if CORS_ALLOWED_ORIGINS names their origin.

Their cookies never count, and browsers are never told that they may send any: what a page gets, it gets by its key.
Everything else, pages, admin and playground, is for its own origin alone. See docs/decisions/0016.
"""

from collections.abc import Mapping
from http import HTTPStatus

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.conf import settings

from companion.mount import Headers, path_below_root
from companion.optional_apps import is_chat_path
from rest.asgi import FRAMING, HttpMiddleware, combined, log_refusal, with_headers

ORIGIN, REQUESTED_METHOD, COOKIE = b"origin", b"access-control-request-method", b"cookie"
SHARED_BELOW = ("/v1/", "/api/")
VARY = (b"vary", b"Origin")
# A wildcard is enough where cookies are not sent, except for the one header that it never means.
READABLE = (b"access-control-expose-headers", b"*")
PREFLIGHT: Headers = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, *"),
    (b"access-control-max-age", b"7200"),  # seconds; Chromium remembers nothing for longer
    VARY,
)
# Asks whether a page on the internet may reach into the service's network: whoever named its origin has said so.
PRIVATE_NETWORK = (b"access-control-request-private-network", b"true")
INTO_PRIVATE_NETWORK = (b"access-control-allow-private-network", b"true")


class Cors(HttpMiddleware):
    """Wraps an ASGI application, and answers preflight requests itself: they have no key, and need nothing of it."""

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer a preflight request, or hand the request on and say who may read the answer, whatever that is."""
        path = path_below_root(scope["path"], scope.get("root_path"))
        if not settings.CORS_ALLOWED_ORIGINS or not is_shared(path):
            await self.application(scope, receive, send)
            return
        headers = combined(scope["headers"])
        sharing = sharing_headers(headers)
        is_preflight = scope["method"] == "OPTIONS" and REQUESTED_METHOD in headers and ORIGIN in headers
        if is_preflight and not headers.keys() >= FRAMING:  # a length given twice is refused further in
            if not sharing:
                log_refusal(HTTPStatus.FORBIDDEN, path)
            await _answer_preflight(headers, sharing, send)
            return
        if sharing:  # in place: metrics find the route in this scope
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != COOKIE]
        await self.application(scope, receive, with_headers([*sharing, VARY], send))


def is_shared(path: str) -> bool:
    """Whether it is an API's path, or one mistaken for OpenAI's, where the right one is told."""
    return path.startswith(SHARED_BELOW) or is_chat_path(path)


def sharing_headers(headers: Mapping[bytes, bytes]) -> Headers:
    """What tells a browser to show the answer to the page that asked for it; nothing unless its origin is another and
    is named.
    """
    origin = headers.get(ORIGIN, b"")
    is_own = origin.partition(b"://")[2] == headers.get(b"host")
    if is_own or origin.decode("latin-1") not in settings.CORS_ALLOWED_ORIGINS:
        return ()
    return (b"access-control-allow-origin", origin), READABLE


async def _answer_preflight(headers: Mapping[bytes, bytes], sharing: Headers, send: ASGISendCallable) -> None:
    given = [*PREFLIGHT, *sharing]
    if headers.get(PRIVATE_NETWORK[0]) == PRIVATE_NETWORK[1]:
        given.append(INTO_PRIVATE_NETWORK)
    body, status = b"", 204
    if not sharing:
        body, status = b"CORS_ALLOWED_ORIGINS does not name this origin.", 403
        given = [VARY, (b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": given, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
