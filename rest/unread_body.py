"""What a caller is still sending when its request has been refused."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from asgiref.typing import ASGIReceiveCallable

MAX_DROPPED = 4 * 1024**2  # bytes
DROPPING_SECONDS = 5.0


async def drop_unread_body(headers: Mapping[bytes, bytes], receive: ASGIReceiveCallable) -> None:
    """Read a body of at most MAX_DROPPED bytes and keep none of it, within DROPPING_SECONDS.

    Else the connection would be closed while the caller writes, and many (nginx is one) then report that and not the
    answer. A caller that waits for leave to send (`Expect: 100-continue`) is not given it.
    """
    length = headers.get(b"content-length", b"")
    if b"expect" in headers or not length.isdigit() or len(length) > len(str(MAX_DROPPED)) or int(length) > MAX_DROPPED:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(DROPPING_SECONDS):
            while (event := await receive())["type"] == "http.request" and event["more_body"]:
                pass
