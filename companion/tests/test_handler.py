"""Django under ASGI, as companion.handler runs it."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import OperationalError, connection, connections
from django.http import StreamingHttpResponse
from psycopg_pool import ConnectionPool

import companion.handler
from accounts.models import ApiKey
from companion import monitoring
from companion.handler import Handler
from companion.monitoring import Checked
from companion.settings import BASE_DIR
from companion.tests.asgi_client import PREFIX, AsgiClient, request, with_key
from rest.streaming import Interrupted
from tests.waiting import wait_until


def in_use(pool: ConnectionPool[Any]) -> int:
    stats = pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue(User.objects.create_user("ursula"))[1]


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def pool() -> ConnectionPool[Any]:
    found: ConnectionPool[Any] = connections["default"].pool  # type: ignore[attr-defined]
    return found


@pytest.fixture
def threads() -> Iterator[set[int]]:
    """Ids of the threads in which requests were started, queried the database and finished."""
    seen: set[int] = set()

    def note(**_: Any) -> None:
        seen.add(threading.get_ident())

    def note_query(execute: Callable[..., Any], *query: Any) -> Any:
        note()
        return execute(*query)

    request_started.connect(note)
    request_finished.connect(note)
    with connection.execute_wrapper(note_query):
        yield seen
    request_started.disconnect(note)
    request_finished.disconnect(note)


def test_handler__a_request__in_one_thread_and_not_the_event_loops(
    handler: Handler, ask: AsgiClient, key: str, threads: set[int]
) -> None:
    assert ask(handler, request(PREFIX, with_key(key))).status == 200
    assert len(threads) == 1
    assert threading.get_ident() not in threads


SESSION = [(b"host", b"10.1.2.3"), (b"cookie", b"sessionid=" + b"a" * 32 + b"; messages=x; csrftoken=y")]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_handler__livez__without_any_thread(
    handler: Handler, ask: AsgiClient, transactional_db: None, threads: set[int], method: str
) -> None:
    """Whatever a stranger sends along: nothing of it is looked up."""
    answer = ask(handler, request("/livez", SESSION, method=method))
    assert (answer.status, answer.body) == (200, b'{"status": "alive"}')
    assert threads == {threading.get_ident()}
    in_thread = ask(handler, request("/livez", SESSION, method="OPTIONS"))
    assert [name for name, _ in answer.headers] == [name for name, _ in in_thread.headers]
    assert (answer.body, len(threads)) == (in_thread.body, 2)


def test_handler__readyz_asked_by_many__checked_once_in_a_thread_of_its_own(
    handler: Handler, ask: AsgiClient, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []

    def check() -> Checked:
        checked.append(threading.current_thread().name)
        time.sleep(0.2)
        return Checked("ok", "off")

    monkeypatch.setattr(monitoring, "check", check)
    assert {answer.status for answer in ask.at_once(handler, request("/readyz", []), 50)} <= {200, 503}
    assert [name.partition("_")[0] for name in checked] == ["probe"]


@pytest.mark.parametrize(("known", "where"), [(True, "probe"), (False, "request")])
def test_handler__metrics__holders_of_keys_wait_behind_nobody(
    handler: Handler, ask: AsgiClient, key: str, known: bool, where: str
) -> None:
    names = []

    def note(**_: Any) -> None:
        names.append(threading.current_thread().name.partition("_")[0])

    ask(handler, request(PREFIX, with_key(key)))
    request_started.connect(note)
    try:
        answer = ask(handler, request("/metrics", with_key(key if known else key[:-1] + "x")))
    finally:
        request_started.disconnect(note)
    assert (answer.status, names) == (200 if known else 401, [where])


def test_handler__many_at_once__all_answered_and_no_connection_kept(
    handler: Handler, ask: AsgiClient, key: str, pool: ConnectionPool[Any]
) -> None:
    before = in_use(pool)
    assert {answer.status for answer in ask.at_once(handler, request(PREFIX, with_key(key)), 60)} == {200}
    wait_until(lambda: in_use(pool) == before)  # the pool may still be growing


def test_handler__body_that_does_not_come__408(
    handler: Handler, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companion.handler, "BODY_SECONDS", 0.2)
    events: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        """Receive one byte at a time, without end."""
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    runner.run(asyncio.wait_for(handler(request(PREFIX, with_key(""), "POST"), receive, send), 5))
    assert events[0]["status"] == 408
    assert b'"errors": {"body": ' in events[1]["body"]


def test_handler__static_file__whole(handler: Handler, ask: AsgiClient) -> None:
    answer = ask(handler, request("/static/favicon.svg", with_key("")))
    assert (answer.status, answer.body) == (200, (BASE_DIR / "companion/static/favicon.svg").read_bytes())
    assert answer.header(b"x-content-type-options") == b"nosniff"


@pytest.mark.django_db(transaction=True)
def test_handler__no_such_static_file__404(handler: Handler, ask: AsgiClient) -> None:
    assert ask(handler, request("/static/nothing.svg", with_key(""))).status == 404


def test_handler__below_a_path__links_begin_with_it(handler: Handler, ask: AsgiClient, key: str) -> None:
    answer = ask(handler, request(f"/below{PREFIX.rstrip('/')}", with_key(key), root_path="/below"))
    assert (answer.status, answer.header(b"location")) == (301, f"/below{PREFIX}".encode())


@pytest.mark.django_db(transaction=True)
def test_handler__below_a_path__pages_and_what_they_load_too(handler: Handler, ask: AsgiClient) -> None:
    page = ask(handler, request("/below/accounts/login/", with_key(""), root_path="/below")).body.decode()
    links = re.findall('(?:href|src|action)="(/[^"]*)"', page)
    styles = [link for link in links if link.endswith(".css")]
    assert styles
    assert all(link.startswith("/below/") for link in links)
    assert ask(handler, request(styles[0], with_key(""), root_path="/below")).status == 200


def test_handler__caller_gone_before_the_body_was_there__nothing_is_answered(handler: Handler) -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(event: Any) -> None:
        raise AssertionError(event)

    asyncio.run(handler(request(PREFIX, []), gone, send))


class Streaming(Handler):
    """Answers every request with a stream of these batches."""

    def __init__(self, batches: Iterator[bytes]) -> None:
        super().__init__()
        self.response = StreamingHttpResponse(batches)

    def _respond(self, request: Any) -> StreamingHttpResponse:
        return self.response


def test_handler__a_stream__each_batch_when_the_one_before_was_taken_and_no_connection_kept(
    runner: asyncio.Runner, transactional_db: None, pool: ConnectionPool[Any]
) -> None:
    made, before = [], in_use(pool)

    def batches() -> Iterator[bytes]:
        for number in range(3):
            User.objects.count()
            made.append(threading.get_ident())
            yield b"%d" % number * 100_000

    taken, events = [], []

    async def send(event: dict[str, Any]) -> None:
        events.append(event)
        taken.append((sum(len(event.get("body", b"")) for event in events), len(made), in_use(pool) - before))

    runner.run(Streaming(batches())(request("/", []), receiver(b""), send))
    assert taken[1:-1] == [
        (65_536, 1, 0),
        (100_000, 1, 0),
        (165_536, 2, 0),
        (200_000, 2, 0),
        (265_536, 3, 0),
        (300_000, 3, 0),
    ]
    assert threading.get_ident() not in made
    assert not events[-1].get("more_body")


@pytest.mark.parametrize("error", [OperationalError("away"), Interrupted("deleted")])
def test_handler__a_stream_that_cannot_go_on__cut_off_and_logged(
    runner: asyncio.Runner, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def batches() -> Iterator[bytes]:
        yield b"begun"
        raise error

    events: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    runner.run(Streaming(batches())(request("/", []), receiver(b""), send))
    assert [event.get("body") for event in events] == [None, b"begun"]  # and no event that would complete it
    assert str(error) in caplog.text


def test_handler__caller_of_a_stream_gone__no_further_batch_and_closed(runner: asyncio.Runner) -> None:
    made: list[int] = []

    def batches() -> Iterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield b"x"

    async def send(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)

    handler = Streaming(batches())
    runner.run(handler(request("/", []), receiver(b"", gone=True), send))
    assert len(made) == 1
    assert handler.response.closed


def receiver(body: bytes, *, gone: bool = False) -> Callable[[], Any]:
    """A `receive` that gives the body, and then that the caller is gone, or nothing any more."""
    events = [{"type": "http.disconnect"}] * gone + [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        return events.pop() if events else await asyncio.get_running_loop().create_future()

    return receive
