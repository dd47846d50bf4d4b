"""The hot read: who asks for a personality that is near is answered before Django hears of it.

The views of `personalities.api` are the specification: what is said here they would have said, byte for byte. Only the
plain case is answered, a GET or HEAD with an API key that is near too; everything else is handed on unchanged.
"""

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.urls import reverse

from accounts.copies import near as near_user
from coherence.cache import may_answer
from companion.reader.answer import Answer, answer
from companion.reader.plain import plain
from personalities.copies import near


class HotReader:
    """Wraps an application. Asks nobody, waits for nothing, and takes no lock: it runs in the server's event loop."""

    def __init__(self, application: ASGI3Application) -> None:
        self.application = application
        self._prefix = reverse("personalities")

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            await self.application(scope, receive, send)
            return
        # Made anew for each: whoever wraps `send` may write into them.
        headers = [*found.headers]
        await send({"type": "http.response.start", "status": found.status, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": found.body, "more_body": False})

    def _find(self, scope: HTTPScope) -> Answer | None:
        asked = plain(scope, self._prefix)
        if asked is None or not may_answer():
            return None
        user = near_user(asked.key)
        config = near(asked.name, user) if user is not None else None
        return answer(config, asked) if config else None
