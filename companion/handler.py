"""Django under ASGI: each request is answered in one thread from beginning to end, and static files and probes in none.

Django's own ASGI handler starts a thread for each request and changes threads for each synchronous middleware, which
costs several times as much as answering. See docs/decisions/0006.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus
from io import SEEK_END
from typing import IO, Any, TypeVar, cast

from asgiref.typing import HTTPScope
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.db import OperationalError, close_old_connections
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.middleware.security import SecurityMiddleware
from django.urls import set_script_prefix
from servestatic.middleware import ServeStaticMiddleware

from companion.monitoring import Probes, is_scrape
from companion.pages import body_timeout, unknown_charset
from companion.request_metrics import ROUTE
from resilience.database import answer_within
from rest.asgi import FRAMING, is_chunked, log_refusal
from rest.streaming import Interrupted

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Event = Mapping[str, object]  # of ASGI, in Django's types and in asgiref's
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

BODY_SECONDS = 30.0  # servers do not end a body that arrives one byte at a time
THREADS = 200  # more than can wait for a silent PostgreSQL at once, each for a few seconds
# How long a thread computes before it lets another run. With Python's default, the event loop would wait a second for
# each turn among 200 of them. A shorter time costs the hot read some 3 % where few wait, and 32 callers of Django's
# views a fifth of their throughput.
MANY_REQUESTS = 48  # in threads, among which the event loop would wait a quarter of a second
SWITCH_SECONDS, SHORT_SWITCH_SECONDS = sys.getswitchinterval(), 0.0005


class BodyDeadline:
    """Wraps `receive` until a body is late. Then Django is told that the caller disconnected, so it closes the body."""

    def __init__(self, receive: Receive) -> None:
        """The body has BODY_SECONDS from now on."""
        self.is_late = False
        self._receive, self._end = receive, asyncio.get_running_loop().time() + BODY_SECONDS

    async def __call__(self) -> Event:
        """The next event, or a disconnect when the time is up."""
        try:
            async with asyncio.timeout_at(self._end):
                return await self._receive()
        except TimeoutError:
            self.is_late = True
            return {"type": "http.disconnect"}


def _tell_length(scope: HTTPScope, body: IO[bytes]) -> None:
    """Add the length of a body that came in chunks: DRF takes one of unknown length for empty."""
    if is_chunked(scope):
        headers = [(name, value) for name, value in scope["headers"] if name not in FRAMING]
        scope["headers"] = [*headers, (b"content-length", b"%d" % body.seek(0, SEEK_END))]
        body.seek(0)


class Handler(ASGIHandler):
    """The ASGI application. Views and middleware are synchronous, and each request has a thread to itself."""

    def __init__(self) -> None:
        """Load the middleware once; threads start when they are needed."""
        super().__init__()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._in_threads = 0  # requests; counted in the event loop alone
        self._probes = Probes()
        self._static = SecurityMiddleware(ServeStaticMiddleware(self._in_thread))  # type: ignore[arg-type]

    def load_middleware(self, is_async: bool = False) -> None:
        """Synchronous, although Django asks for asynchronous middleware here."""
        super().load_middleware(is_async=False)

    def create_request(self, scope: Mapping[str, object], body_file: IO[bytes]) -> Any:
        """Django's request, or a refusal; also 415 for a charset that contains NUL (%00), on which Django fails."""
        try:
            return super().create_request(scope, body_file)
        except ValueError:
            log_refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(scope["path"]))
            return None, unknown_charset()

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """Read the body, answer, send."""
        receive_in_time = BodyDeadline(receive)
        try:
            body = await self.read_body(receive_in_time)
        except RequestAborted:
            if receive_in_time.is_late:
                log_refusal(HTTPStatus.REQUEST_TIMEOUT, scope["path"])
                await self.send_response(body_timeout(), send)
            return
        with body:
            _tell_length(scope, body)
            request, refusal = self.create_request(scope, body)
            response = refusal or await self._answer(request)
            try:
                await self._send(response, receive, send)
            finally:
                if response.streaming:
                    response.close()

    async def _answer(self, request: ASGIRequest) -> HttpResponseBase:
        if request.path_info.startswith(settings.STATIC_URL):
            request.scope[ROUTE] = settings.STATIC_URL  # type: ignore[index]  # it is a dict
            return await self._static(request)  # type: ignore[misc, no-any-return]  # the stubs lack asynchronous ones
        if await self._probes.prepare(request):
            return self._respond(request)
        return await self._in_thread(request)

    async def _in_thread(self, request: ASGIRequest) -> HttpResponseBase:
        threads = self._probes.threads if is_scrape(request) else self._threads
        return await self._run(self._respond, request, threads)

    async def _run(self, function: Callable[..., Result], argument: object, threads: Executor | None = None) -> Result:
        loop = asyncio.get_running_loop()
        self._count(+1)
        try:
            return await loop.run_in_executor(threads or self._threads, copy_context().run, function, argument)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        were_many, self._in_threads = self._in_threads >= MANY_REQUESTS, self._in_threads + change
        if were_many != (are_many := self._in_threads >= MANY_REQUESTS):
            sys.setswitchinterval(SHORT_SWITCH_SECONDS if are_many else SWITCH_SECONDS)

    def _respond(self, request: ASGIRequest) -> HttpResponseBase:
        """Signals are sent here too: they return the thread's database connection to the pool."""
        set_script_prefix(get_script_prefix(request.scope))
        signals.request_started.send(sender=self.__class__, scope=request.scope)
        response = self.get_response(request)
        if request.resolver_match:
            request.scope[ROUTE] = f"/{request.resolver_match.route}"  # type: ignore[index]  # it is a dict
        if response.streaming:
            close_old_connections()  # the response itself has not been read yet
        else:
            response.close()
        return response

    async def _send(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """A stream that cannot go on ends without its last event: the server then closes the connection, and the caller
        knows that the answer is incomplete.
        """
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            batches = cast(Iterator[bytes], response.streaming_content)
            response.streaming_content = self._pieces(batches, receive)
        try:
            await self.send_response(response, send)
        except (Interrupted, OperationalError) as error:
            logger.error("A streamed answer was cut off: %s", error)
        except RequestAborted:
            pass  # the caller has gone

    async def _pieces(self, batches: Iterator[bytes], receive: Receive) -> AsyncIterator[bytes]:
        """Each batch is made when the one before it has been taken. Raises RequestAborted once the caller has
        disconnected, which `send` does not reveal.
        """
        gone = asyncio.ensure_future(receive())  # the body was read, so nothing else can come
        try:
            while batch := await self._run(self._next, batches):
                for piece, _ in self.chunk_bytes(batch):
                    if gone.done():
                        raise RequestAborted
                    yield bytes(piece)
        finally:
            gone.cancel()

    def _next(self, batches: Iterator[bytes]) -> bytes:
        """Empty at the end. No database connection is kept while the caller reads."""
        try:
            with answer_within(settings.DATABASE_SECONDS):
                return next(batches, b"")
        finally:
            close_old_connections()
