"""Warns when there seems to be a proxy that TRUSTED_PROXIES does not name."""

import logging

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.conf import settings

from rest.asgi import HttpMiddleware

logger = logging.getLogger(__name__)

FORWARDED = {b"x-forwarded-for", b"x-real-ip", b"forwarded"}


class ForwardedHeaders(HttpMiddleware):
    """Wraps chat too, which may be all that a proxy forwards. Warns once, changes nothing."""

    def __init__(self, application: ASGI3Application) -> None:
        super().__init__(application)
        self.has_warned = False

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Hand the request on; warn once if a proxy's headers come although no proxy is trusted."""
        if not (self.has_warned or settings.TRUSTED_PROXIES) and any(name in FORWARDED for name, _ in scope["headers"]):
            self._warn(scope)
        await self.application(scope, receive, send)

    def _warn(self, scope: HTTPScope) -> None:
        self.has_warned = True
        peer = (scope.get("client") or [""])[0]
        logger.warning(
            "A forwarded header from %s is ignored. If that is your proxy, name it in TRUSTED_PROXIES: else wrong "
            "passwords of one client may lock out all others.",
            peer or "unix",
        )
