"""What everything in front of Django shares: headers as Django reads them, bodies that nobody will read, middleware,
and a log line for each refusal.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus

from asgiref.typing import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)
from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("django.request")  # where Django says what it refuses

FRAMING = {b"content-length", b"transfer-encoding"}  # who sends both may hide a second request from a proxy
MAX_LOGGED = 500  # characters of a path
MAX_DROPPED = 4 * 1024**2  # bytes
DROPPING_SECONDS = 5.0
LEAST_DROPPED = 2 * 1024  # bytes that each piece counts as at least: it takes time


class HttpMiddleware:
    """Wraps an ASGI application. Subclasses handle its requests; anything else, such as lifespan, passes them by."""

    def __init__(self, application: ASGI3Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Pass HTTP requests to `handle`, and all else, such as the lifespan, to the application."""
        if scope["type"] == "http":
            await self.handle(scope, receive, send)
        else:
            await self.application(scope, receive, send)

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request, or hand it on to `application`."""
        raise NotImplementedError


def with_headers(headers: Iterable[tuple[bytes, bytes]], send: ASGISendCallable) -> ASGISendCallable:
    """A `send` that adds `headers` to the response."""
    added = list(headers)

    async def send_with_headers(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event["headers"], *added]}
        await send(event)

    return send_with_headers


def log_refusal(status: HTTPStatus, path: str) -> None:
    """Log a request that never reached Django as Django logs those that it refuses."""
    logger.warning("%s: %s", status.phrase, path[:MAX_LOGGED], extra={"status_code": status})


def no_view(request: HttpRequest) -> HttpResponse:
    """Stand behind one of Django's middlewares that is only asked for its own part."""
    raise AssertionError("a middleware that was to be asked for its own part called its view")


def combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name, in lower case; the values of one that is sent repeatedly are joined by commas, as in Django."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = b",".join((found[name], value)) if name in found else value
    return found


def is_chunked(scope: HTTPScope) -> bool:
    """Whether the body comes in chunks, so that nobody knows yet how long it is."""
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])


async def drop_unread_body(headers: Mapping[bytes, bytes], receive: ASGIReceiveCallable) -> None:
    """Read a body of at most MAX_DROPPED bytes and keep none of it, within DROPPING_SECONDS.

    Else the connection would be closed while the caller writes, and many (nginx is one) then report that and not the
    answer. A caller that waits for leave to send (`Expect: 100-continue`) is not given it.
    """
    length = headers.get(b"content-length", b"0" if b"transfer-encoding" in headers else b"")
    if b"expect" in headers or not length.isdigit() or len(length) > len(str(MAX_DROPPED)) or int(length) > MAX_DROPPED:
        return
    left = MAX_DROPPED
    with suppress(TimeoutError):
        async with asyncio.timeout(DROPPING_SECONDS):
            while left > 0 and (dropped := await _drop_piece(receive)):
                left -= dropped


async def _drop_piece(receive: ASGIReceiveCallable) -> int:
    """How many bytes the next piece counts as; 0 at the end. It is not kept while the one after it is awaited."""
    event = await receive()
    if event["type"] != "http.request" or not event["more_body"]:
        return 0
    return max(len(event.get("body", b"")), LEAST_DROPPED)
