"""Calls an ASGI application as a server does, without a server."""

import asyncio
from typing import Any, NamedTuple

PREFIX = "/api/v1/personalities/"
HOST = "companion.example"
Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """A complete response; names of headers are in lower case, and sorted."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The value of one header. Raises KeyError."""
        return dict(self.headers)[name]


def request(path: str, headers: Headers, method: str = "GET", **others: Any) -> dict[str, Any]:
    """The scope of a request; `others` replace its defaults."""
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}
    place = {"method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    ends = {"client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000)}
    return {**scope, **place, **ends, "headers": headers, **others}


def with_key(key: str, **more: bytes) -> Headers:
    """The headers that an ordinary program sends; `more` by name, with _ for -."""
    usual = {"host": HOST.encode(), "authorization": f"Bearer {key}".encode(), "accept": b"*/*", "user_agent": b"test"}
    return [(name.replace("_", "-").encode(), value) for name, value in (usual | more).items()]


class AsgiClient:
    """Sends requests through one event loop."""

    def __init__(self, runner: asyncio.Runner) -> None:
        """`runner` owns the loop."""
        self._runner = runner

    def __call__(self, application: Any, scope: dict[str, Any], *body: bytes) -> Answer:
        """Send one request, its body in these pieces, and await its response."""
        return self._runner.run(_call(application, scope, *body))

    def at_once(self, application: Any, scope: dict[str, Any], times: int) -> list[Answer]:
        """Send `times` requests concurrently."""

        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(_call(application, scope) for _ in range(times)))

        return self._runner.run(all_of_them())


async def _call(application: Any, scope: dict[str, Any], *body: bytes) -> Answer:
    events: list[dict[str, Any]] = []
    incoming = [{"type": "http.request", "body": piece, "more_body": True} for piece in (*body, b"")]
    incoming[-1]["more_body"] = False

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else await asyncio.get_running_loop().create_future()  # nobody hangs up

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    await application(scope, receive, send)
    start, *bodies = events
    assert not start.get("trailers", False), "a server would wait for trailers"
    assert not bodies[-1].get("more_body", False), "a server would wait for more"
    headers = sorted((name.lower(), value) for name, value in start["headers"])
    return Answer(start["status"], headers, b"".join(event.get("body", b"") for event in bodies))
