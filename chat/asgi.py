"""OpenAI's API as an ASGI application of its own: an asynchronous view would hold one of Django's threads while the
language model speaks.
"""

from http import HTTPStatus

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from chat import callers, catalogue, sessions
from chat.backends.backend import Backend
from chat.callers import Caller
from chat.completions import complete
from chat.errors import ApiError, too_many
from chat.exchange import CallerGone, Exchange
from chat.limits import Admit, everybody
from chat.metrics import numbers
from chat.unforeseen import Unforeseen

COMPLETIONS, MODELS = "/v1/chat/completions", "/v1/models"
PAGE_COMPLETIONS = "/chat/completions"  # the same for the page, which has a session in place of a key
KEEP_ALIVE_SECONDS = 15.0


class Chat:
    """Holds no connection to a database while anybody is waited for."""

    def __init__(
        self, backend: Backend, *, admit: Admit = everybody, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self.backend, self.admit, self.keep_alive_seconds = backend, admit, keep_alive_seconds

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "http"  # noqa: S101  what else is there is not handed here
        exchange = Exchange(scope, receive, send)
        endpoint = _endpoint(exchange.path)
        try:
            await self._safely(exchange, endpoint)
        except CallerGone:
            numbers.cut["caller_gone"] += 1
        finally:
            if exchange.status:
                numbers.answers[endpoint, exchange.status] += 1

    async def _safely(self, exchange: Exchange, endpoint: str) -> None:
        try:
            with Unforeseen(CallerGone):
                await self._answer(exchange, endpoint)
        except ApiError as error:
            if exchange.status:  # half an answer: the server cuts it off
                raise
            await exchange.refuse(error.without_frames())

    async def _answer(self, exchange: Exchange, endpoint: str) -> None:
        caller = await _identify(exchange, endpoint)
        _check_method(exchange, endpoint)
        if endpoint in {COMPLETIONS, PAGE_COMPLETIONS}:
            await self._complete(exchange, caller)
        elif endpoint == MODELS:
            await exchange.answer(200, await callers.in_thread(lambda: catalogue.all_of(caller)))
        else:
            config, _ = await callers.personality(exchange.path.removeprefix(f"{MODELS}/"), caller)
            await exchange.answer(200, catalogue.of_config(config))

    async def _complete(self, exchange: Exchange, caller: Caller) -> None:
        admission = await self.admit(caller.user_id, caller.key)
        exchange.told |= admission.headers
        if not admission.allowed:
            raise too_many()
        await complete(exchange, caller, self.backend, self.keep_alive_seconds)


async def _identify(exchange: Exchange, endpoint: str) -> Caller:
    """A cookie counts on the page's address alone, where a key does not: no other is open to forged requests."""
    if endpoint == PAGE_COMPLETIONS:
        return await sessions.identify(exchange)
    return await callers.identify(exchange.headers.get(b"authorization", b""))


def _endpoint(path: str) -> str:
    """Few, so that they can be labels of metrics."""
    if path in {COMPLETIONS, PAGE_COMPLETIONS, MODELS}:
        return path
    return f"{MODELS}/{{name}}" if path.startswith(f"{MODELS}/") else ""


def _check_method(exchange: Exchange, endpoint: str) -> None:
    called = f"({exchange.method} {exchange.path[:120]})"
    if not endpoint:
        raise ApiError(HTTPStatus.NOT_FOUND, f"Invalid URL {called}", code="unknown_url")
    allowed = {"GET", "HEAD"} if endpoint.startswith(MODELS) else {"POST"}
    if exchange.method not in allowed:
        headers = {"Allow": ", ".join(sorted(allowed))}
        raise ApiError(
            HTTPStatus.METHOD_NOT_ALLOWED, f"Not allowed {called}", code="method_not_allowed", headers=headers
        )
