"""What the server itself can do: an answer of the same size, made of nothing."""

import os
from typing import Any

BODY = bytes(int(os.environ["BODY_BYTES"]))
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


ANSWER = [(b"x-header", b"as long as most of them")] * 9  # of the service has so many more


async def dressed(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS + ANSWER})
    await send({"type": "http.response.body", "body": BODY})


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
