"""Until a body has arrived, it costs the event loop time for each piece, memory, and a connection that others wait for.
So it is bounded here in all of these, before anybody asks who has sent it.
"""

import time
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO

from asgiref.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPDisconnectEvent,
    HTTPScope,
)
from django.core.handlers.asgi import ASGIRequest

from accounts.verification import verified_from_memory
from coherence.cache import memory_may_answer
from companion.refusals import Refusal, refuse
from companion.slow_peers import slow_peers
from rest.asgi import HttpMiddleware, combined, drop_unread_body
from rest.client_address import address_block, client_address
from rest.parsers import MAX_BYTES

MAX_PIECES = 2_000  # chunks, or reads from the network: each takes some 20 µs of the event loop
SECONDS_WHEN_FULL = 1.5  # for a body, while others wait to be accepted
MIB = 1024**2

BROKEN = Refusal(HTTPStatus.BAD_REQUEST, "body", "The body is malformed, or ended early.")
TOO_MANY = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body", f"At most {MAX_PIECES} chunks are read.")
NO_ROOM = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "body", "Too much is being sent at the same time. Try again.")
TOO_SLOW = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "body", "Others are waiting to be let in. Try again.")
GONE: HTTPDisconnectEvent = {"type": "http.disconnect"}


class ByteBudget:
    """How many bytes of unfinished bodies a process holds, of one sender and of all."""

    def __init__(self, of_one: int, in_all: int) -> None:
        self._of_one, self._in_all = of_one, in_all
        self._total, self._held = 0, Counter[str]()

    def take(self, sender: str, size: int) -> bool:
        """Take room for `size` more bytes, if there is."""
        if self._total + size > self._in_all or self._held[sender] + size > self._of_one:
            return False
        self._total += size
        self._held[sender] += size
        return True

    def give_back(self, sender: str, size: int) -> None:
        """Give back room that `take` has taken."""
        self._total -= size
        self._held[sender] -= size
        if not self._held[sender]:
            del self._held[sender]


USER_BUDGET = ByteBudget(of_one=32 * MIB, in_all=64 * MIB)  # as far as memory knows their keys
ADDRESS_BUDGET = ByteBudget(of_one=8 * MIB, in_all=32 * MIB)  # by address


class Bodies(HttpMiddleware):
    """Wraps an ASGI application, which does not answer callers who disconnect before their body has arrived.

    A body beyond the bounds looks the same to it, and so does a malformed one. But then the caller is still there:
    without an answer the server would send 500.
    """

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Refuse the body if nobody else has answered."""
        has_begun = False

        async def send_noting(event: ASGISendEvent) -> None:
            nonlocal has_begun
            has_begun = True
            await send(event)

        body = _Body(scope, receive)
        try:
            await self.application(scope, body, send_noting)
        finally:
            body.end()
        if not has_begun:
            with suppress(OSError):  # how ASGI says that the caller has disconnected after all
                await _refuse(body.refusal, scope, receive, send)


async def _refuse(
    refusal: Refusal | None, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
) -> None:
    if refusal is NO_ROOM and not slow_peers.is_full:  # after too many pieces, enough was read
        await drop_unread_body(dict(scope["headers"]), receive)
    await refuse(scope, send, refusal or BROKEN)


class _Body:
    """Wraps `receive` until a body has ended, or is refused."""

    def __init__(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> None:
        self.refusal: Refusal | None = None
        self._scope, self._receive, self._begun = scope, receive, time.monotonic()
        self._has_ended, self._pieces, self._size, self._held = False, 0, 0, 0
        self._budget, self._sender = ADDRESS_BUDGET, ""

    async def __call__(self) -> ASGIReceiveEvent:
        event = GONE if self.refusal else await self._receive()
        if self._has_ended:
            return event
        if event["type"] != "http.request" or not event.get("more_body"):
            self.end()
            return event
        self.refusal = self._reason_to_refuse(len(event.get("body", b"")))
        return GONE if self.refusal else event

    def end(self) -> None:
        """Stop counting it: whoever reads it has it now."""
        self._has_ended = True
        if self._held:
            self._budget.give_back(self._sender, self._held)
            self._held = 0

    def _reason_to_refuse(self, size: int) -> Refusal | None:
        self._pieces += 1
        self._size += size
        if self._pieces > MAX_PIECES:
            return TOO_MANY
        if slow_peers.is_full and time.monotonic() - self._begun > SECONDS_WHEN_FULL and not _user(self._scope):
            return TOO_SLOW
        return None if self._size <= MAX_BYTES or self._hold(size) else NO_ROOM

    def _hold(self, size: int) -> bool:
        if not self._sender:
            self._budget, self._sender = _sender(self._scope)
        taken = self._budget.take(self._sender, size)
        self._held += size if taken else 0
        return taken


def _sender(scope: HTTPScope) -> tuple[ByteBudget, str]:
    user = _user(scope)
    return (USER_BUDGET, str(user)) if user else (ADDRESS_BUDGET, _address(scope))


def _user(scope: HTTPScope) -> int | None:
    scheme, _, key = combined(scope["headers"]).get(b"authorization", b"").partition(b" ")
    return verified_from_memory(key.strip()) if scheme.lower() == b"bearer" and memory_may_answer() else None


def _address(scope: HTTPScope) -> str:
    headers = [pair for pair in scope["headers"] if pair[0] == b"x-forwarded-for"]
    place = {"method": "POST", "path": "/", "headers": headers, "client": scope["client"]}
    return address_block(client_address(ASGIRequest(place, BytesIO())))
