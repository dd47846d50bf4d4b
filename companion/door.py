"""The ASGI door: bodies that must not come in are refused before a byte of them is read, let alone stored."""

import json
from http import HTTPStatus

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from conversations.api.messages import MessageListView
from rest import parsers
from rest.problems import problem_body

FORM_BYTES = 2_621_440  # Django's own limit
MAX_DIGITS = 9  # of a length: what has more is too long, and need not be a number that Python reads


class Door:
    """Wraps an application. A body must say its length: DRF takes one of unknown length for none."""

    def __init__(self, application: ASGI3Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        refusal = _refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self.application(scope, receive, send)
        else:
            await _answer(send, *refusal)


def _refusal(scope: HTTPScope) -> tuple[HTTPStatus, str] | None:
    headers = dict(scope["headers"])
    if not _is_utf8(scope["query_string"]):
        return HTTPStatus.BAD_REQUEST, "The query is not text in UTF-8."
    if b"transfer-encoding" in headers:
        return HTTPStatus.LENGTH_REQUIRED, "Send Content-Length; chunked bodies are not read."
    length = b",".join(value for name, value in scope["headers"] if name == b"content-length") or b"0"
    if not length.isdigit():
        return HTTPStatus.BAD_REQUEST, "Content-Length is not one whole number."
    limit = _limit(scope)
    if len(length) > MAX_DIGITS or int(length) > limit:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {limit} bytes are read."
    return None


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _limit(scope: HTTPScope) -> int:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if not path.startswith("/api/"):
        return FORM_BYTES
    return MessageListView.max_bytes if path.endswith("/messages/") else parsers.MAX_BYTES


async def _answer(send: ASGISendCallable, status: HTTPStatus, detail: str) -> None:
    body = json.dumps(problem_body(status, detail, errors={"body": [detail]})).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode()),
               (b"connection", b"close")]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
