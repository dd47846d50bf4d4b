"""An application beside Django, at one path or below it; as safe as Django's middleware makes what comes from there."""

from typing import Any

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

from companion.reader.answer import of_middleware
from companion.reader.plain import comes_securely


class Mount:
    """All below a path that ends with /, else that path alone. Requests that Django would refuse, or send to HTTPS, are
    handed to it: it says so.
    """

    def __init__(self, path: str, application: ASGI3Application, otherwise: ASGI3Application) -> None:
        self.path, self.application, self.otherwise = path, application, otherwise

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        is_secure = self._comes_securely(scope)
        if is_secure is None:
            await self.otherwise(scope, receive, send)
        else:
            await self.application(scope, receive, _with(of_middleware(is_secure), send))

    def _comes_securely(self, scope: Scope) -> bool | None:
        if scope["type"] != "http" or not self._has(scope["path"].removeprefix(_root(scope))):
            return None
        headers = dict(scope["headers"])
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = hosts[0] if len(hosts) == 1 else None
        return comes_securely(scope.get("scheme", "http"), host, headers.get(b"x-forwarded-proto"))

    def _has(self, path: str) -> bool:
        return path.startswith(self.path) if self.path.endswith("/") else path == self.path


def _root(scope: Any) -> str:
    return str(scope.get("root_path") or "")


def _with(headers: dict[str, str], send: ASGISendCallable) -> ASGISendCallable:
    added = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]

    async def with_headers(event: Any) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event["headers"], *added]}
        await send(event)

    return with_headers
