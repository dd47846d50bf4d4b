"""One request and its answer, with bounds on how long and how much."""

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import msgspec
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from chat.errors import ApiError
from chat.timing import Timing
from conversations.models import MAX_JSON_BYTES

BODY_SECONDS = 30.0
SEND_SECONDS = 30.0  # a caller that takes nothing for so long is cut off
UNSAFE = re.compile("[^\x20-\x7e]")


class CallerGone(Exception):
    """Nobody reads the answer."""


class Exchange:
    def __init__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.method, self.scheme = scope["method"], scope.get("scheme", "http")
        self.path = scope["path"].removeprefix(scope.get("root_path") or "")
        self.headers = dict(scope["headers"])
        self.timing = Timing()
        self.id = uuid4().hex
        self.told: dict[str, str] = {}  # headers of the answer, whatever it will be
        self.status: int | None = None  # once the answer is begun
        self._receive, self._send = receive, send

    async def body(self) -> bytes:
        """Raises ApiError for one that is too long, or too slow in coming."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._whole_body()
        except TimeoutError:
            raise ApiError(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.", param="body") from None

    async def _whole_body(self) -> bytes:
        body = bytearray()
        while True:
            event: Any = await self._receive()
            if event["type"] == "http.disconnect":
                raise CallerGone
            body += event.get("body", b"")
            if len(body) > MAX_JSON_BYTES:
                message = f"At most {MAX_JSON_BYTES} bytes are read."
                raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, param="body")
            if not event.get("more_body"):
                return bytes(body)

    async def hung_up(self) -> None:
        """Returns when the caller does. Only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        said = {"Content-Type": content_type, "Cache-Control": "no-store", "X-Request-Id": self.id}
        said |= {"Server-Timing": self.timing.header(), **self.told, **(headers or {})}
        raw = [(name.lower().encode(), UNSAFE.sub("", value).encode()) for name, value in said.items()]
        self.status = status
        await self._write({"type": "http.response.start", "status": status, "headers": raw, "trailers": False})

    async def write(self, body: bytes, *, more: bool = True) -> None:
        """Waits while the caller is slower than we are. Raises CallerGone."""
        await self._write({"type": "http.response.body", "body": body, "more_body": more})

    async def _write(self, event: Any) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(event)
        except (TimeoutError, OSError):  # OSError: as ASGI has servers say that the caller is gone
            raise CallerGone from None

    async def answer(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
        body = msgspec.json.encode(value)
        await self.start(status, "application/json", {"Content-Length": str(len(body)), **(headers or {})})
        await self.write(b"" if self.method == "HEAD" else body, more=False)

    async def refuse(self, error: ApiError) -> None:
        await self.answer(error.status, error.body(), error.headers)
