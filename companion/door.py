"""The ASGI door: bodies that must not come in are refused before a byte of them is read, let alone stored."""

import json
from http import HTTPStatus

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from companion.api.problems import problem_body

MAX_BYTES = 2_621_440  # Django's own limit for forms; the API reads 64 KiB


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
    if b"transfer-encoding" in headers:
        return HTTPStatus.LENGTH_REQUIRED, "Send Content-Length; chunked bodies are not read."
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length[:20]) > MAX_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {MAX_BYTES} bytes are read."
    return None


async def _answer(send: ASGISendCallable, status: HTTPStatus, detail: str) -> None:
    body = json.dumps(problem_body(status, detail, errors={"body": [detail]})).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode()),
               (b"connection", b"close")]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
