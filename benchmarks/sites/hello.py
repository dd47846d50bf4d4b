"""What the server itself can do: an answer of the same size, made of nothing."""

import json
import os
from typing import Any

BODY = bytes(int(os.environ["BODY_BYTES"]))
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
ANSWERED = [(name.encode(), value.encode("latin-1")) for name, value in json.loads(os.environ["ANSWER_HEADERS"])]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer BODY with its type and length."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


async def dressed(scope: Any, receive: Any, send: Any) -> None:
    """Answer BODY with the header lines of the service."""
    await send({"type": "http.response.start", "status": 200, "headers": ANSWERED})
    await send({"type": "http.response.body", "body": BODY})
