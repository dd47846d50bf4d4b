"""Refuses bodies that are too large, or of unknown length, before a byte of them is read, let alone stored."""

import json
from functools import lru_cache
from http import HTTPStatus

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.conf import settings
from django.urls import Resolver404, resolve

from companion.mount import path_below_root
from rest.parsers import MAX_BYTES
from rest.problems import problem_body

MAX_DIGITS = 9  # of a Content-Length; anything longer is too much, and need not become a number
MAX_ROUTE = 500  # characters; no route that takes a larger body than JSON has a longer path


class BodyLimits:
    """Wraps an ASGI application. A body must announce its length, because DRF takes one of unknown length for none."""

    def __init__(self, application: ASGI3Application) -> None:
        """`application` is Django, whose routes say how large a body may be."""
        self.application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Hand the request on, or answer it with a problem and close the connection."""
        refusal = _refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self.application(scope, receive, send)
        else:
            await _send_problem(send, *refusal)


@lru_cache(maxsize=1000)
def body_limit(path: str) -> int:
    """How many bytes the view at `path` reads: a REST view its `max_bytes`, or that of the JSON parser; else Django's
    limit for forms. Where there is no view, or `path` is longer than any route, the limit is that of the parser.
    """
    try:
        callback = resolve(path).func if len(path) <= MAX_ROUTE else None
    except Resolver404:
        callback = None
    view = getattr(callback, "cls", None)  # set by DRF
    if callback is not None and view is None:
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    return getattr(view, "max_bytes", MAX_BYTES)


def _refusal(scope: HTTPScope) -> tuple[HTTPStatus, str] | None:
    if not _is_utf8(scope["query_string"]):
        return HTTPStatus.BAD_REQUEST, "The query is not text in UTF-8."
    if any(name == b"transfer-encoding" for name, _ in scope["headers"]):
        return HTTPStatus.LENGTH_REQUIRED, "Send Content-Length; chunked bodies are not read."
    length = b",".join(value for name, value in scope["headers"] if name == b"content-length") or b"0"
    if not length.isdigit():
        return HTTPStatus.BAD_REQUEST, "Content-Length is not one whole number."
    limit = _limit_for(scope, length)
    if len(length) > MAX_DIGITS or int(length) > limit:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {limit} bytes are read."
    return None


def _limit_for(scope: HTTPScope, length: bytes) -> int:
    """Nearly all bodies are small: only for a large one is the route looked up."""
    if len(length) <= MAX_DIGITS and int(length) <= MAX_BYTES:
        return MAX_BYTES
    return body_limit(path_below_root(scope["path"], scope.get("root_path")))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


async def _send_problem(send: ASGISendCallable, status: HTTPStatus, detail: str) -> None:
    body = json.dumps(problem_body(status, detail, errors={"body": [detail]})).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
