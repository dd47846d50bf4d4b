"""What was received is forgotten when an exchange ends, not when Python gets round to looking for circles."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from chat.application import Chat
from chat.backends.upstream_answers import AnswerTooLarge
from chat.tests import model_server as moods
from chat.tests import raw
from chat.tests.conftest import served, upstream
from chat.tests.model_server import ModelServer
from tests.waiting import wait_until

Call = Callable[..., bytes]
LONG_LINE = moods.streaming(b"x" * 2_000_000)
NOT_JSON = moods.status("200 OK", b"{" + b"x" * 2_000_000)


@pytest.fixture
def call(key: str, model: ModelServer) -> Iterator[Call]:
    """A request, and what comes until there is a certain text in it; then the caller is gone."""
    with served(Chat(upstream(model))) as url:

        def send(until_text: bytes, *, stream: bool) -> bytes:
            with raw.call(url, key, stream=stream) as connection:
                return raw.read_until(connection, until_text)

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
    ("mood", "stream", "until_text"),
    [
        (LONG_LINE, True, b"upstream_broken"),
        (NOT_JSON, False, b"upstream_broken"),
        (moods.streaming(moods.chunk("Hello "), b"x" * 2_000_000), True, b"upstream_broken"),
        (moods.flood, True, b"xxx"),
        (moods.speak, True, b"[DONE]"),
        (moods.speak, False, b"Hello there."),
    ],
)
def test_memory__an_exchange_is_over__what_was_received_is_gone(
    call: Call, model: ModelServer, mood: moods.Mood, stream: bool, until_text: bytes
) -> None:
    kinds = (httpx.Response, httpx.AsyncByteStream, AnswerTooLarge)
    before = len(living(*kinds))
    model.mood = mood
    call(until_text, stream=stream)
    wait_until(lambda: model.connections == 0)
    wait_until(lambda: len(living(*kinds)) <= before)
