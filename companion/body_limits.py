"""Refuses bodies that are too large: by their headers or, if they are chunked, once too much has arrived."""

import re
from functools import lru_cache
from http import HTTPStatus

from asgiref.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, HTTPScope
from django.conf import settings
from django.urls import Resolver404, resolve

from companion.mount import path_below_root
from companion.refusals import Refusal, refuse
from rest.asgi import HttpMiddleware, combined, drop_unread_body, is_chunked
from rest.parsers import MAX_BYTES

MAX_DIGITS = 9  # of a Content-Length; anything longer is too much, and need not become a number
MAX_ROUTE = 500  # characters; no route that takes a larger body than JSON has a longer path
FORM = b"application/x-www-form-urlencoded"
NUL = re.compile(rb"\x00|%00")  # PostgreSQL stores no text that contains it


class BodyLimits(HttpMiddleware):
    """Wraps Django, whose routes say how large a body may be."""

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Hand the request on, or answer it with a problem and close the connection."""
        if refusal := _refusal(scope):
            await drop_unread_body(dict(scope["headers"]), receive)
            await refuse(scope, send, refusal)
        elif is_chunked(scope):
            await self._count(scope, receive, send)
        else:
            await self.application(scope, receive, send)

    async def _count(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        body = _CountedBody(receive, _limit(scope))
        await self.application(scope, body, send)
        if body.is_too_large:
            if not body.has_ended:
                await drop_unread_body(dict(scope["headers"]), receive)
            await refuse(scope, send, _too_large(body.limit))


class _CountedBody:
    """Wraps `receive` of a body in chunks until that is too large. Then the application is told that the caller has
    disconnected, so it answers nothing.
    """

    def __init__(self, receive: ASGIReceiveCallable, limit: int) -> None:
        self.limit, self.is_too_large, self.has_ended = limit, False, False
        self._receive, self._left = receive, limit

    async def __call__(self) -> ASGIReceiveEvent:
        event = await self._receive()
        if event["type"] == "http.request":
            self.has_ended = not event.get("more_body")
            self._left -= len(event.get("body", b""))
            self.is_too_large = self._left < 0
        return {"type": "http.disconnect"} if self.is_too_large else event


def body_limit(path: str) -> int:
    """How many bytes the view at `path` reads: for a REST view its `max_bytes`, for the admin Django's for forms.

    Anywhere else, and where `path` is longer than any route, it is the limit of the JSON parser.
    """
    return _view_limit(path) if len(path) <= MAX_ROUTE else MAX_BYTES


@lru_cache(maxsize=1000)
def _view_limit(path: str) -> int:
    try:
        match = resolve(path)
    except Resolver404:
        return MAX_BYTES
    if "admin" in match.app_names:
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    return getattr(getattr(match.func, "cls", None), "max_bytes", MAX_BYTES)  # `cls` is set by DRF


def _refusal(scope: HTTPScope) -> Refusal | None:
    query = scope.get("query_string", b"")
    if not _is_utf8(query) or NUL.search(query):
        return Refusal(HTTPStatus.BAD_REQUEST, "query", "The query is not text in UTF-8 without NUL.")
    length = combined(scope["headers"]).get(b"content-length") or b"0"
    if not length.isdigit():
        return Refusal(HTTPStatus.BAD_REQUEST, "body", "Content-Length is not one whole number.")
    if len(length) <= MAX_DIGITS and int(length) <= MAX_BYTES:
        return None  # nearly all bodies are small: only for a large one is the route looked up
    limit = _limit(scope)
    return _too_large(limit) if len(length) > MAX_DIGITS or int(length) > limit else None


def _limit(scope: HTTPScope) -> int:
    kind = combined(scope["headers"]).get(b"content-type", b"").strip().lower()
    if kind.startswith(b"multipart/"):
        return MAX_BYTES  # each of its parts has headers of its own, which take long to parse
    limit = body_limit(path_below_root(scope["path"], scope.get("root_path")))
    return min(limit, int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)) if kind.startswith(FORM) else limit


def _too_large(limit: int) -> Refusal:
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body", f"At most {limit} bytes are read.")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
