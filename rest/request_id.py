"""The id of the request that is being answered: it is in log lines, and is given back to the caller."""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from uuid import uuid4

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from rest.asgi import HttpMiddleware, combined, with_headers

HEADER, TRACE = b"x-request-id", b"traceparent"
SAFE = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")  # W3C's

current: ContextVar[str] = ContextVar("request_id", default="")  # empty outside a request


def given_id(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The caller's id: X-Request-ID if it is safe to repeat, else the id of the trace; None if there is neither."""
    given = headers.get(HEADER)
    if given is not None and SAFE.fullmatch(given):
        return given
    trace = TRACEPARENT.fullmatch(headers.get(TRACE, b""))
    return trace[1] if trace else None


class RequestIds(HttpMiddleware):
    """Wraps an ASGI application: each request has an id, which its response has as X-Request-ID.

    The application finds the id in `current`, as do the tasks and threads that inherit its context.
    """

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request under the id that the caller gave, or under a new one."""
        request_id = given_id(combined(scope["headers"])) or uuid4().hex.encode()
        token = current.set(request_id.decode())
        try:
            await self.application(scope, receive, with_headers([(HEADER, request_id)], send))
        finally:
            current.reset(token)
