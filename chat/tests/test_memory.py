"""What was received is freed when an exchange ends, not when the garbage collector looks for cycles."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat.application import Chat
from chat.backends.http_client import Response
from chat.backends.server_sent_events import TooLarge
from chat.tests import model_server, raw_client
from chat.tests.conftest import served, upstream
from chat.tests.model_server import ModelServer
from tests.waiting import wait_until

Call = Callable[..., bytes]
LONG_LINE = model_server.streaming(b"x" * 2_000_000)
NOT_JSON = model_server.status("200 OK", b"{" + b"x" * 2_000_000)


@pytest.fixture
def call(key: str, model: ModelServer) -> Iterator[Call]:
    """Sends a request, reads up to a certain text, and disconnects."""
    with served(Chat(upstream(model))) as url:

        def send(until_text: bytes, *, stream: bool) -> bytes:
            with raw_client.call(url, key, stream=stream) as connection:
                return raw_client.read_until(connection, until_text)

        yield send


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def living(*kinds: type) -> list[Any]:
    return [found for found in gc.get_objects() if issubclass(type(found), kinds)]


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(
    ("behaviour", "stream", "until_text"),
    [
        (LONG_LINE, True, b"upstream_broken"),
        (NOT_JSON, False, b"upstream_broken"),
        (model_server.streaming(model_server.chunk("Hello "), b"x" * 2_000_000), True, b"upstream_broken"),
        (model_server.flood, True, b"xxx"),
        (model_server.answer, True, b"[DONE]"),
        (model_server.answer, False, b"Hello there."),
    ],
)
def test_memory__an_exchange_is_over__what_was_received_is_gone(
    call: Call, model: ModelServer, behaviour: model_server.Behaviour, stream: bool, until_text: bytes
) -> None:
    kinds = (Response, TooLarge)
    before = len(living(*kinds))
    model.behaviour = behaviour
    call(until_text, stream=stream)
    wait_until(lambda: model.connections == 0)
    wait_until(lambda: len(living(*kinds)) <= before)
