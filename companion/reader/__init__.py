"""The hot read: who asks for a personality that is near is answered before Django hears of it.

The views of `personalities.api` are the specification: what is said here they would have said, byte for byte. Only the
plain case is answered, a GET or HEAD with an API key that is near too; everything else is handed on unchanged.
"""

from collections.abc import Iterable

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPScope, Scope
from django.urls import reverse

from accounts.models import ApiKey
from companion.reader.heads import of_view
from companion.reader.plain import PlainRead, plain
from personalities.api.representation import Representation
from personalities.copies import hit


class HotReader:
    """Wraps an application. Asks nobody, waits for nothing, and takes no lock: it runs in the server's event loop."""

    def __init__(self, application: ASGI3Application) -> None:
        self.application = application
        self._prefix = reverse("personalities")

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        events = self._answer(scope) if scope["type"] == "http" else None
        if events is None:
            await self.application(scope, receive, send)
        else:
            for event in events:
                await send(event)

    def _answer(self, scope: HTTPScope) -> Iterable[ASGISendEvent] | None:
        asked = plain(scope, self._prefix)
        user = ApiKey.objects.hit(asked.key) if asked else None
        if asked is None or user is None:
            return None
        config = hit(asked.name, user)
        return _events(asked, asked.view.represent(config)) if config else None


def _events(asked: PlainRead, found: Representation) -> Iterable[ASGISendEvent] | None:
    """None where another ETag is known to the caller: it takes Django to read a list of them."""
    etag = found.etag.encode()
    if asked.known not in {None, etag}:
        return None
    status, body = (200, found.body) if asked.known is None else (304, b"")
    headers = [*of_view(asked.view, status), *asked.greeting]  # type: ignore[arg-type]  # a class is hashable
    headers += (b"etag", etag), (b"content-length", b"%d" % len(body))
    return (
        {"type": "http.response.start", "status": status, "headers": headers, "trailers": False},
        {"type": "http.response.body", "body": body, "more_body": False},
    )
