"""What has not arrived yet of a body costs little: in pieces, in memory, and in time while others wait."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiKey
from companion import bodies
from companion.bodies import MAX_PIECES, Bodies
from companion.slow_peers import slow_peers
from companion.tests.asgi_client import PREFIX, AsgiClient, Headers, request, with_key
from rest.parsers import MAX_BYTES

LARGE = 1024 * 1024
CHUNKED: Headers = [(b"transfer-encoding", b"chunked")]


async def reader(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body and say how long it was; answer nobody who is gone."""
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        size, more = size + len(event["body"]), event["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % size})


class Sender:
    """Sends `size` bytes of a body, and its end only when told to."""

    def __init__(self, size: int, headers: Headers, address: str, piece: int = 64 * 1024) -> None:
        self.scope = request(PREFIX, [*headers, *CHUNKED], "POST", client=(address, 50000))
        self.may_end, self.status, self.left, self.taken, self.headers = (
            asyncio.Event(),
            0,
            size,
            0,
            dict[bytes, bytes](),
        )
        self._piece = piece

    async def receive(self) -> dict[str, Any]:
        """As a server does."""
        self.taken += 1
        if self.left <= 0:
            await self.may_end.wait()
            return {"type": "http.request", "body": b"", "more_body": False}
        size = min(self.left, self._piece)
        self.left -= size
        return {"type": "http.request", "body": b" " * size, "more_body": True}

    async def send(self, event: dict[str, Any]) -> None:
        """Note the answer."""
        if event["type"] == "http.response.start":
            self.status, self.headers = event["status"], dict(event["headers"])


def statuses(runner: asyncio.Runner, *senders: tuple[int, Headers, str]) -> list[int]:
    """What came of bodies that are all sent at the same time, of which none ends before all have been sent."""

    async def send_all() -> list[int]:
        all_of_them = [Sender(*each) for each in senders]
        tasks = [asyncio.create_task(Bodies(reader)(each.scope, each.receive, each.send)) for each in all_of_them]  # type: ignore[arg-type]
        for _ in range(50):
            await asyncio.sleep(0)
        for each in all_of_them:
            each.may_end.set()
        await asyncio.gather(*tasks)
        return [each.status for each in all_of_them]

    return runner.run(send_all())


@pytest.fixture
def key(transactional_db: None) -> Headers:
    """The headers of a caller whose API key this process remembers."""
    text = ApiKey.objects.issue(User.objects.create_user("ursula"))[1]
    assert ApiKey.objects.verify(text)
    return with_key(text)


@contextmanager
def others_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(slow_peers, "is_full", True)
        patched.setattr(bodies, "SECONDS_WHEN_FULL", 0.05)
        yield


def test_pieces__a_thousand__read(ask: AsgiClient) -> None:
    answer = ask(Bodies(reader), request(PREFIX, CHUNKED, "POST"), *[b'{"a": 1}\n'] * 1000)
    assert (answer.status, answer.body) == (200, b"9000")


def test_pieces__too_many__413_soon(ask: AsgiClient) -> None:
    sent = [b" "] * 100_000
    answer = ask(Bodies(reader), request(PREFIX, CHUNKED, "POST"), *sent)
    assert (answer.status, list(json.loads(answer.body)["errors"])) == (413, ["body"])
    assert answer.header(b"connection") == b"close"


@pytest.mark.parametrize("headers", [CHUNKED, [(b"content-length", b"100000")]])
def test_pieces__endless__few_taken(runner: asyncio.Runner, headers: Headers) -> None:
    sender = Sender(100_000, headers, "192.0.2.1", piece=1)
    runner.run(Bodies(reader)(sender.scope, sender.receive, sender.send))  # type: ignore[arg-type]
    assert sender.status == 413
    assert sender.taken < 2.5 * MAX_PIECES


def test_memory__strangers_of_one_address__bounded(runner: asyncio.Runner) -> None:
    found = statuses(runner, *[(LARGE, [], "192.0.2.1")] * 20)
    assert (found.count(200), found.count(503)) == (8, 12)
    assert statuses(runner, (LARGE, [], "192.0.2.1")) == [200]  # once those have ended there is room again


def test_memory__strangers_of_many_addresses__bounded(runner: asyncio.Runner) -> None:
    found = statuses(runner, *[(LARGE, [], f"192.0.2.{number}") for number in range(50)])
    assert 30 <= found.count(200) <= 36
    assert found.count(200) + found.count(503) == 50


def test_memory__taken_by_strangers__others_read(runner: asyncio.Runner, key: Headers) -> None:
    strangers = [(LARGE, list[tuple[bytes, bytes]](), f"192.0.2.{number % 9}") for number in range(50)]
    honest = [(MAX_BYTES, [], "192.0.2.1"), (LARGE, key, "192.0.2.1"), (LARGE, key, "192.0.2.1")]
    assert statuses(runner, *strangers, *honest)[50:] == [200, 200, 200]


def test_memory__one_key__leaves_room_to_others(runner: asyncio.Runner, key: Headers) -> None:
    found = statuses(runner, *[(LARGE, key, "192.0.2.1")] * 40)
    assert 32 <= found.count(200) <= 34


def test_memory__caller_gone__given_back(runner: asyncio.Runner) -> None:
    async def leave() -> None:
        for _ in range(20):
            sender = Sender(LARGE, [], "192.0.2.1")
            task = asyncio.create_task(Bodies(reader)(sender.scope, sender.receive, sender.send))  # type: ignore[arg-type]
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert not sender.status

    runner.run(leave())
    assert statuses(runner, (LARGE, [], "192.0.2.1")) == [200]


def test_memory__no_room__told_when_to_try_again(runner: asyncio.Runner) -> None:
    async def refused() -> Sender:
        first = [Sender(LARGE, [], "192.0.2.1") for _ in range(8)]
        tasks = [asyncio.create_task(Bodies(reader)(each.scope, each.receive, each.send)) for each in first]  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        last = Sender(LARGE, [], "192.0.2.1")
        last.may_end.set()
        await Bodies(reader)(last.scope, last.receive, last.send)  # type: ignore[arg-type]
        for each, task in zip(first, tasks, strict=True):
            each.may_end.set()
            await task
        return last

    last = runner.run(refused())
    assert (last.status, last.headers[b"retry-after"], last.left) == (503, b"1", 0)


def slowly(headers: Headers) -> tuple[dict[str, Any], Callable[[], Awaitable[dict[str, Any]]]]:
    """A body of ten pieces in 0.2 s."""
    left = 10

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" " * 1000, "more_body": left > 0}

    return request(PREFIX, [*headers, *CHUNKED], "POST"), receive


@pytest.mark.parametrize(("is_known", "status"), [(False, 503), (True, 200)])
def test_time__others_waiting__strangers_have_little(
    runner: asyncio.Runner, key: Headers, monkeypatch: pytest.MonkeyPatch, is_known: bool, status: int
) -> None:
    sent: list[dict[str, Any]] = []

    async def note(event: dict[str, Any]) -> None:
        sent.append(event)

    with others_waiting(monkeypatch):
        runner.run(Bodies(reader)(*slowly(key if is_known else []), note))  # type: ignore[arg-type]
    assert sent[0]["status"] == status


def test_time__nobody_waiting__read(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    async def note(event: dict[str, Any]) -> None:
        sent.append(event)

    monkeypatch.setattr(bodies, "SECONDS_WHEN_FULL", 0.05)
    runner.run(Bodies(reader)(*slowly([]), note))  # type: ignore[arg-type]
    assert sent[0]["status"] == 200
