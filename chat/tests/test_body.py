"""When a request's body is asked for: while its caller is admitted, but not if that caller waits for leave to send."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from chat.application import Chat
from chat.backends import Completion, Payload
from chat.backends.console import ConsoleBackend
from chat.errors import ApiError
from chat.exchange import Exchange
from chat.limits import Admission
from conversations.models import MAX_JSON_BYTES

SCOPE: Any = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
BODY = json.dumps({"model": "elara", "messages": [{"role": "user", "content": "Hi."}]}).encode()
STEPS = 3  # of the event loop
ADMITTED, REFUSED = Admission(), Admission(allowed=False)


class Caller:
    """Sends BODY when it is asked for it, unless it is `silent`, and keeps the status of the answer."""

    def __init__(self, key: str, *headers: tuple[bytes, bytes], silent: bool = False) -> None:
        usual = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
        self.scope: Any = {**SCOPE, "headers": [*usual, (b"content-length", b"%d" % len(BODY)), *headers]}
        self.was_asked, self._silent, self._has_sent = False, silent, False
        self.status, self.more_body, self.times_asked = 0, False, 0

    async def receive(self) -> Any:
        self.was_asked, self.times_asked = True, self.times_asked + 1
        if self._silent or self._has_sent:
            await asyncio.Event().wait()
        self._has_sent = True
        return {"type": "http.request", "body": BODY, "more_body": self.more_body}

    async def send(self, event: Any) -> None:
        self.status = event.get("status", self.status)


class NotingBackend(ConsoleBackend):
    """Notes something when it is asked."""

    note: Callable[[], int]
    noted = 0

    async def complete(self, payload: Payload) -> Completion:
        self.noted = self.note()
        return await super().complete(payload)


def status_of(caller: Caller, answer: Admission, backend: ConsoleBackend | None = None) -> int:
    """The status of the answer to a caller about whom `answer` is known a few steps of the event loop later."""

    async def admit(user_id: int, key: str) -> Admission:
        for _ in range(STEPS):
            await asyncio.sleep(0)
        was_asked.append(caller.was_asked)
        return answer

    async def call() -> None:
        before = asyncio.all_tasks()
        await Chat(backend or ConsoleBackend(), admit=admit)(caller.scope, caller.receive, caller.send)
        assert asyncio.all_tasks() == before

    was_asked: list[bool] = []
    asyncio.run(call())
    assert was_asked == [b"expect" not in dict(caller.scope["headers"])]
    return caller.status


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("answer", "status"), [(ADMITTED, 200), (REFUSED, 429)])
def test_body__while_the_caller_is_looked_at__on_its_way(key: str, answer: Admission, status: int) -> None:
    assert status_of(Caller(key), answer) == status


@pytest.mark.django_db(transaction=True)
def test_body__never_comes_and_the_caller_is_refused__nothing_waits_for_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rest.asgi.DROPPING_SECONDS", 0.05)
    assert status_of(Caller(key, silent=True), REFUSED) == 429


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("answer", "status"), [(ADMITTED, 200), (REFUSED, 429)])
def test_body__caller_waits_for_leave_to_send_it__none_before_it_is_admitted(
    key: str, answer: Admission, status: int
) -> None:
    caller = Caller(key, (b"expect", b"100-continue"))
    assert status_of(caller, answer) == status
    assert caller.was_asked is (answer is ADMITTED)


@pytest.mark.django_db(transaction=True)
def test_body__whole_by_its_length__nothing_else_waited_for(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """granian, for one, tells the end of a body with an event of its own."""
    monkeypatch.setattr("chat.exchange.BODY_SECONDS", 0.2)
    caller = Caller(key)
    caller.more_body = True
    assert status_of(caller, ADMITTED) == 200


@pytest.mark.django_db(transaction=True)
def test_caller__is_not_watched__before_the_model_is_asked(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin watching takes a while, for the server too."""
    monkeypatch.setattr("chat.exchange.WATCH_AFTER_SECONDS", 10)
    caller, backend = Caller(key), NotingBackend()
    backend.note = lambda: caller.times_asked
    assert status_of(caller, ADMITTED, backend) == 200
    assert backend.noted == 1


def test_body__too_long_with_its_last_piece__refused_without_waiting_for_another() -> None:
    pieces: list[Any] = [{"type": "http.request", "body": b"x" * (MAX_JSON_BYTES + 1), "more_body": False}]
    told: list[Any] = []
    scope: Any = {**SCOPE, "headers": [(b"content-length", str(MAX_JSON_BYTES + 1).encode())]}

    async def receive() -> Any:
        return pieces.pop()  # IndexError if it is asked again: nothing else will come

    async def send(event: Any) -> None:
        told.append(event)

    async def refuse() -> None:
        refused = Exchange(scope, receive, send)
        with pytest.raises(ApiError) as error:
            await refused.body()
        await refused.refuse(error.value)

    asyncio.run(refuse())
    assert told[0]["status"] == 413
