"""One HTTP request and its response, bounded in time and size, and how long each part of it took."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from time import perf_counter

import msgspec
from asgiref.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, ASGISendEvent, HTTPScope

from chat.errors import ApiError
from conversations.models import MAX_JSON_BYTES
from rest.asgi import combined, drop_unread_body

BODY_SECONDS = 30.0  # for the whole body to arrive
WATCH_AFTER_SECONDS = 0.05  # until then the language model has been asked, which should not wait for a watcher
SEND_SECONDS = 30.0  # for the client to take one piece of the response; one that reads more slowly is cut off
UNSAFE = re.compile("[^\x20-\x7e]")  # in the value of a header


class ClientDisconnected(Exception):
    """The client has closed the connection, or does not read the response."""


class Exchange:
    """A request and the response to it.

    `extra_headers` are sent with whatever the response will be. `status` is None until the response has started.
    """

    def __init__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.method, self.scheme = scope["method"], scope.get("scheme", "http")
        self.path = scope["path"].removeprefix(scope.get("root_path") or "")
        self.query = scope.get("query_string", b"")
        self.headers = combined(scope["headers"])
        self.timing = Timing()
        self.extra_headers: dict[str, str] = {}
        self.status: int | None = None
        self._receive, self._send, self._awaits_body = receive, send, True
        length = self.headers.get(b"content-length", b"")
        self._length = int(length) if length.isdigit() else None
        self._first_event: asyncio.Task[ASGIReceiveEvent] | None = None

    def begin_body(self) -> None:
        """Start to receive the body while something else is awaited. A caller that waits for leave to send gets none.

        To be ended by `close`.
        """
        if b"expect" not in self.headers:
            self._first_event = asyncio.create_task(self._received())

    async def _received(self) -> ASGIReceiveEvent:
        return await self._receive()

    async def _next_event(self) -> ASGIReceiveEvent:
        first, self._first_event = self._first_event, None
        return await (first or self._receive())

    async def close(self) -> None:
        """Stop receiving."""
        if self._first_event:
            self._first_event.cancel()
            await asyncio.gather(self._first_event, return_exceptions=True)

    async def body(self) -> bytes:
        """The whole body. Raises ApiError if it is too long or slow, ClientDisconnected if it ends early."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._whole_body()
        except TimeoutError:
            self._awaits_body = False
            raise ApiError(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.", param="body") from None

    async def _whole_body(self) -> bytes:
        body = bytearray()
        while True:
            event = await self._next_event()
            if event["type"] != "http.request":
                raise ClientDisconnected
            body += event.get("body", b"")
            # That it has ended is often told with an event of its own, which takes as long to come as the body.
            self._awaits_body = event.get("more_body", False) and len(body) != self._length
            if len(body) > MAX_JSON_BYTES:
                message = f"At most {MAX_JSON_BYTES} bytes are read."
                raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, param="body")
            if not self._awaits_body:
                return bytes(body)

    @asynccontextmanager
    async def cancelled_on_disconnect(self) -> AsyncIterator[None]:
        """A context that is cancelled when the client disconnects, and then raises ClientDisconnected.

        One who leaves within WATCH_AFTER_SECONDS is noticed after them. To be entered once the body has been read.
        """
        watcher: asyncio.Task[None] | None = None
        is_over = False

        def cancel(_: "asyncio.Task[None]") -> None:
            if not is_over:
                timeout.reschedule(0)  # a time long past: cancels at once

        def watch() -> None:
            nonlocal watcher
            watcher = asyncio.create_task(self._wait_for_disconnect())
            watcher.add_done_callback(cancel)

        timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, watch)
        try:
            async with asyncio.timeout(None) as timeout:
                try:
                    yield
                finally:
                    is_over = True
        except TimeoutError:
            raise ClientDisconnected from None
        finally:
            timer.cancel()
            if watcher:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)

    async def _wait_for_disconnect(self) -> None:
        while (await self._next_event())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        """Sends the status and the headers. Raises ClientDisconnected."""
        all_headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
        all_headers |= {"Server-Timing": self.timing.header(), **self.extra_headers, **(headers or {})}
        raw = [(name.lower().encode(), UNSAFE.sub("", value).encode()) for name, value in all_headers.items()]
        self.status = status
        await self._write({"type": "http.response.start", "status": status, "headers": raw, "trailers": False})

    async def write(self, body: bytes, *, more: bool = True) -> None:
        """Sends a piece of the body, waiting while the client is slow to read. Raises ClientDisconnected."""
        await self._write({"type": "http.response.body", "body": body, "more_body": more})

    async def _write(self, event: ASGISendEvent) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(event)
        except (TimeoutError, OSError):  # OSError: how ASGI says that the client has disconnected
            raise ClientDisconnected from None

    async def answer(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
        """Sends the whole response, with `value` as JSON. Raises ClientDisconnected."""
        body = msgspec.json.encode(value)
        await self.start(status, "application/json", {"Content-Length": str(len(body)), **(headers or {})})
        await self.write(b"" if self.method == "HEAD" else body, more=False)

    async def refuse(self, error: ApiError) -> None:
        """Sends the error as the whole response. Raises ClientDisconnected."""
        if self._awaits_body:
            await drop_unread_body(self.headers, self._next_event)
        await self.answer(error.status, error.body(), error.headers)


class Part:
    """A part of an exchange that is being timed. `description` may be set meanwhile."""

    description = ""


class Timing:
    """How long the parts of an exchange took, for the `Server-Timing` header."""

    def __init__(self) -> None:
        self._started = perf_counter()
        self._parts: list[str] = []

    @contextmanager
    def part(self, name: str) -> Iterator[Part]:
        """Times what is done inside it."""
        started, part = perf_counter(), Part()
        try:
            yield part
        finally:
            self.note(name, perf_counter() - started, part.description)

    def note(self, name: str, seconds: float, description: str = "") -> None:
        """Adds a part that was measured elsewhere."""
        desc = f';desc="{description}"' if description else ""
        self._parts.append(f"{name}{desc};dur={seconds * 1000:.3f}")

    def header(self) -> str:
        """The value of the header: each part, and the total up to now, in milliseconds."""
        return ", ".join([*self._parts, f"total;dur={(perf_counter() - self._started) * 1000:.3f}"])
