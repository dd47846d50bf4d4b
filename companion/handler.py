"""Django under ASGI: a request is answered in one thread from beginning to end, and static files in none.

Django's own handler makes a thread for each request, and goes there and back for each middleware: several times what
it takes to answer.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.db import close_old_connections
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import set_script_prefix
from servestatic.middleware import ServeStaticMiddleware

from companion.pages import late_body, refused_content_type

BODY_SECONDS = 30.0  # no server ends a body that comes a byte at a time
THREADS = 200  # more than wait for a silent PostgreSQL at a time: each of them for a few seconds


class Coming:
    """A body, until it is late: then Django is told that the caller hung up, for so it closes what it has read."""

    def __init__(self, receive: Any) -> None:
        self.is_late = False
        self._receive, self._end = receive, asyncio.get_running_loop().time() + BODY_SECONDS

    async def __call__(self) -> Any:
        try:
            async with asyncio.timeout_at(self._end):
                return await self._receive()
        except TimeoutError:
            self.is_late = True
            return {"type": "http.disconnect"}


class Handler(ASGIHandler):
    """Views and middleware are synchronous, each request in a thread of its own while it lasts."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._static = SecurityMiddleware(ServeStaticMiddleware(self._in_thread))  # type: ignore[arg-type]

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Django's, which breaks on a charset with NUL in it, written as %00."""
        try:
            return super().create_request(scope, body_file)
        except ValueError:
            return None, refused_content_type()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        coming = Coming(receive)
        try:
            body = await self.read_body(coming)
        except RequestAborted:
            if coming.is_late:
                await self.send_response(late_body(), send)
            return
        with body:
            request, refusal = self.create_request(scope, body)
            response = refusal or await self._answer(request)
            try:
                await self.send_response(response, send)
            finally:
                if response.streaming:
                    response.close()

    async def _answer(self, request: ASGIRequest) -> HttpResponseBase:
        if request.path_info.startswith(settings.STATIC_URL):
            return await self._static(request)  # type: ignore[misc, no-any-return]  # the stubs miss asynchronous ones
        return await self._in_thread(request)

    async def _in_thread(self, request: ASGIRequest) -> HttpResponseBase:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, copy_context().run, self._respond, request)

    def _respond(self, request: ASGIRequest) -> HttpResponseBase:
        """Signals are sent here too: they give the thread's connections back."""
        set_script_prefix(get_script_prefix(request.scope))
        signals.request_started.send(sender=self.__class__, scope=request.scope)
        response = self.get_response(request)
        if response.streaming:
            close_old_connections()  # the response itself is not read yet
        else:
            response.close()
        return response
