"""OpenAI's API as an ASGI application of its own, because a Django view would occupy a thread for as long as the
language model answers.
"""

from http import HTTPStatus

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from chat import addresses, callers, catalogue
from chat.addresses import COMPLETIONS, METHODS, MODELS, PAGE_COMPLETIONS, RESPONSE, RESPONSES
from chat.backends import Backend
from chat.callers import Caller
from chat.completions import complete
from chat.errors import ApiError, log_internal_errors, rate_limited
from chat.exchange import ClientDisconnected, Exchange
from chat.limits import Admit, admit_all
from chat.metrics import counts
from chat.responses import endpoint as responses
from chat.threads import in_thread
from rest.asgi import log_refusal

KEEP_ALIVE_SECONDS = 15.0


class Chat:
    """The application. It holds no database connection while it waits for the caller or the language model.

    `admit` decides whether a caller may make another completion request. A stream that has been silent for
    `keep_alive_seconds` sends a comment, so that no proxy closes it.
    """

    def __init__(
        self, backend: Backend, *, admit: Admit = admit_all, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self.backend, self.admit, self.keep_alive_seconds = backend, admit, keep_alive_seconds

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answers one HTTP request. Other kinds of scope must not be routed here."""
        assert scope["type"] == "http"  # noqa: S101
        exchange = Exchange(scope, receive, send)
        endpoint = addresses.endpoint(exchange.path)
        scope["companion.route"] = endpoint  # type: ignore[typeddict-unknown-key]  # for metrics
        try:
            await self._answer_or_refuse(exchange, endpoint)
        except ClientDisconnected:
            counts.count_cut("caller_gone")
        finally:
            await exchange.close()
            if exchange.status:
                counts.answers[endpoint, exchange.status] += 1

    async def _answer_or_refuse(self, exchange: Exchange, endpoint: str) -> None:
        try:
            with log_internal_errors(ClientDisconnected):
                await self._answer(exchange, endpoint)
        except ApiError as error:
            if exchange.status:  # part of the response is sent: raising makes the server close the connection
                raise
            if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:  # 5xx were logged where they arose
                log_refusal(error.status, exchange.path)
            await exchange.refuse(error.without_frames())

    async def _answer(self, exchange: Exchange, endpoint: str) -> None:
        if not endpoint:  # before the key: a wrong path is what a client has to mend first
            raise addresses.unknown_path(exchange.method, exchange.path)
        caller = await _identify(exchange, endpoint)
        _check_method(exchange, endpoint)
        name = exchange.path.rpartition("/")[2]
        if endpoint in {COMPLETIONS, PAGE_COMPLETIONS, RESPONSES}:
            await self._complete(exchange, endpoint, caller)
        elif endpoint == RESPONSE:
            await (responses.delete if exchange.method == "DELETE" else responses.find)(exchange, caller, name)
        elif endpoint == MODELS:
            await exchange.answer(200, await in_thread(lambda: catalogue.list_models(caller)))
        else:
            config, _ = await catalogue.personality(exchange.path.removeprefix(f"{MODELS}/"), caller)
            await exchange.answer(200, catalogue.to_model(config))

    async def _complete(self, exchange: Exchange, endpoint: str, caller: Caller) -> None:
        exchange.begin_body()
        admission = await self.admit(caller.user_id, caller.key)
        exchange.extra_headers |= admission.headers
        if not admission.allowed:
            raise rate_limited()
        answer = responses.create if endpoint == RESPONSES else complete
        await answer(exchange, caller, self.backend, self.keep_alive_seconds)


async def _identify(exchange: Exchange, endpoint: str) -> Caller:
    """Cookies count at the playground's address only, and keys everywhere else: no other endpoint is open to CSRF."""
    if endpoint == PAGE_COMPLETIONS:
        return await callers.identify_by_session(exchange)
    return await callers.identify_by_key(exchange.headers.get(b"authorization", b""))


def _check_method(exchange: Exchange, endpoint: str) -> None:
    allowed = METHODS[endpoint]
    if exchange.method not in allowed:
        message = f"Not allowed ({exchange.method} {exchange.path[:120]})"
        headers = {"Allow": ", ".join(sorted(allowed))}
        raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, message, code="method_not_allowed", headers=headers)
