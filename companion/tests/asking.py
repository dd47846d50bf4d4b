"""Requests as an ASGI server makes them, and what an application answers."""

import asyncio
from typing import Any, NamedTuple

PREFIX = "/api/v1/personalities/"
HOST = "companion.example"
Headers = list[tuple[bytes, bytes]]


class Said(NamedTuple):
    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes:
        return dict(self.headers)[name]


def request(path: str, headers: Headers, method: str = "GET", **others: Any) -> dict[str, Any]:
    """A scope."""
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}
    place = {"method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    ends = {"client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000)}
    return {**scope, **place, **ends, "headers": headers, **others}


def asked_by(key: str, **more: bytes) -> Headers:
    """The headers of an ordinary program; others by name, with _ for -."""
    usual = {"host": HOST.encode(), "authorization": f"Bearer {key}".encode(), "accept": b"*/*", "user_agent": b"test"}
    return [(name.replace("_", "-").encode(), value) for name, value in (usual | more).items()]


class Asking:
    """Sends requests through one event loop. Names of headers come back in lower case, and sorted."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def __call__(self, application: Any, scope: dict[str, Any], body: bytes = b"") -> Said:
        return self._runner.run(_say(application, scope, body))

    def at_once(self, application: Any, scope: dict[str, Any], times: int) -> list[Said]:
        async def all_of_them() -> list[Said]:
            return await asyncio.gather(*(_say(application, scope) for _ in range(times)))

        return self._runner.run(all_of_them())


async def _say(application: Any, scope: dict[str, Any], body: bytes = b"") -> Said:
    events: list[dict[str, Any]] = []
    incoming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return incoming.pop() if incoming else await asyncio.get_running_loop().create_future()  # nobody hangs up

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    await application(scope, receive, send)
    start, *bodies = events
    headers = sorted((name.lower(), value) for name, value in start["headers"])
    return Said(start["status"], headers, b"".join(event.get("body", b"") for event in bodies))
