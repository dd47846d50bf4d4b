"""Refuses a request before it is read, in the format of whoever would have answered it."""

import json
from http import HTTPStatus
from typing import NamedTuple

from asgiref.typing import ASGISendCallable, HTTPScope

from companion.mount import path_below_root
from companion.optional_apps import openai_error
from rest.asgi import log_refusal
from rest.problems import MEDIA_TYPE, RETRY_AFTER, problem_body

PROBLEMS_BELOW = ("/api/", "/metrics")  # for programs; all other pages are for people


class Refusal(NamedTuple):
    """Why a request is not read: `field` is the header at fault, or `path`, `query` or `body`."""

    status: HTTPStatus
    field: str
    detail: str


async def refuse(scope: HTTPScope, send: ASGISendCallable, refusal: Refusal) -> None:
    """Answer, close, and log it: OpenAI's error for chat, a problem for programs, one line for people."""
    content_type, body = _content(path_below_root(scope["path"], scope.get("root_path")), refusal)
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", RETRY_AFTER.encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
    log_refusal(refusal.status, scope["path"])


def _content(path: str, refusal: Refusal) -> tuple[str, bytes]:
    """The media type and the body of a refusal."""
    status, field, detail = refusal
    if error := openai_error(path, status, detail, field):
        return "application/json", json.dumps(error).encode()
    if path.startswith(PROBLEMS_BELOW):
        return MEDIA_TYPE, json.dumps(problem_body(status, detail, errors={field: [detail]})).encode()
    return "text/plain; charset=utf-8", f"{status} {status.phrase}. {detail}".encode()
