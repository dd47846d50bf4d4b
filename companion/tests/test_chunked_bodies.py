"""A body whose length is not announced is read like any other, within the same bounds."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiKey
from companion import handler
from companion.body_limits import BodyLimits
from companion.handler import Handler
from companion.header_limits import HeaderLimits
from companion.tests.asgi_client import HOST, PREFIX, Answer, AsgiClient, Headers, request, with_key
from personalities.models import Personality
from rest.asgi import MAX_DROPPED

ELARA = f"{PREFIX}elara/"
GREETING = b'{"greeting": "Changed."}'


@pytest.fixture(scope="module")
def application() -> HeaderLimits:
    return HeaderLimits(BodyLimits(Handler()))


@pytest.fixture
def key(transactional_db: None, settings: Any) -> str:
    """The API key of a staff user; there is an elara to change."""
    settings.ALLOWED_HOSTS = [HOST]
    Personality.objects.create(personality_name="elara")
    return ApiKey.objects.issue(User.objects.create_user("stella", is_staff=True))[1]


def chunked(key: str, **more: bytes) -> Headers:
    return with_key(key, transfer_encoding=b"chunked", content_type=b"application/json", **more)


def error(answer: Answer) -> tuple[int, list[str]]:
    return answer.status, list(json.loads(answer.body)["errors"])


@pytest.mark.parametrize(
    "pieces", [[GREETING], [GREETING[:9], b"", GREETING[9:]], [GREETING[i:][:1] for i in range(24)]]
)
def test_chunks__small__read(application: HeaderLimits, ask: AsgiClient, key: str, pieces: list[bytes]) -> None:
    answer = ask(application, request(ELARA, chunked(key), "PATCH"), *pieces)
    assert (answer.status, Personality.objects.get().greeting) == (200, "Changed.")


@pytest.mark.parametrize("pieces", [[b" " * 65537], [b" " * 65000] * 2, [b" " * 60000] * 500])
def test_chunks__too_large__413(application: HeaderLimits, ask: AsgiClient, key: str, pieces: list[bytes]) -> None:
    answer = ask(application, request(ELARA, chunked(key), "PATCH"), *pieces)
    assert error(answer) == (413, ["body"])
    assert answer.header(b"connection") == b"close"
    assert json.loads(answer.body)["detail"] == "At most 65536 bytes are read."


@pytest.mark.apps("conversations")
@pytest.mark.parametrize(("size", "status"), [(1024 * 1024, 404), (1024 * 1024 + 1, 413)])
def test_chunks__of_a_message__up_to_1_mib(
    application: HeaderLimits, ask: AsgiClient, key: str, size: int, status: int
) -> None:
    """404, because the conversation does not exist: the body was let in."""
    path, body = f"/api/v1/conversations/{UUID(int=1)}/messages/", b'{"content": "x"}'.ljust(size)
    assert ask(application, request(path, chunked(key), "POST"), body[:1000], body[1000:]).status == status


def test_chunks__form_of_a_stranger__413_above_64_kib(application: HeaderLimits, ask: AsgiClient, key: str) -> None:
    """What length a form has is found out before anybody takes it apart."""
    kind = (b"content-type", b"application/x-www-form-urlencoded")
    headers = [(b"host", HOST.encode()), (b"transfer-encoding", b"chunked"), kind]
    assert ask(application, request("/admin/login/", headers, "POST"), b"a=" + b"b" * 70_000).status == 413
    assert ask(application, request("/admin/login/", headers, "POST"), b"a=b").status == 403


def test_chunks__never_ending__408(
    application: HeaderLimits, runner: asyncio.Runner, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "BODY_SECONDS", 0.2)
    sent: list[dict[str, Any]] = []

    async def drip() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def note(event: dict[str, Any]) -> None:
        sent.append(event)

    runner.run(application(request(ELARA, chunked(key), "PATCH"), drip, note))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


def test_chunks__too_large_at_once__413_without_waiting(
    application: HeaderLimits, runner: asyncio.Runner, key: str
) -> None:
    """Some servers hand over a short body as one event; nothing comes after it."""
    incoming, sent = [{"type": "http.request", "body": b" " * 65537, "more_body": False}], list[dict[str, Any]]()

    async def once() -> dict[str, Any]:
        return incoming.pop() if incoming else await asyncio.get_running_loop().create_future()

    async def note(event: dict[str, Any]) -> None:
        sent.append(event)

    async def in_time() -> None:
        async with asyncio.timeout(2):
            await application(request(ELARA, chunked(key), "PATCH"), once, note)  # type: ignore[arg-type]

    runner.run(in_time())
    assert sent[0]["status"] == 413


def test_chunks__refused__no_more_dropped_than_of_other_bodies(
    application: HeaderLimits, runner: asyncio.Runner, key: str
) -> None:
    taken, sent = 0, list[dict[str, Any]]()

    async def flood() -> dict[str, Any]:
        nonlocal taken
        taken += 65536
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    async def note(event: dict[str, Any]) -> None:
        sent.append(event)

    runner.run(application(request(ELARA, chunked(key), "PATCH"), flood, note))  # type: ignore[arg-type]
    assert sent[0]["status"] == 413
    assert MAX_DROPPED < taken <= MAX_DROPPED + 5 * 65536


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b"", b"xchunked"])
def test_coding__other_than_chunked__400(application: HeaderLimits, ask: AsgiClient, key: str, coding: bytes) -> None:
    headers = with_key(key, transfer_encoding=coding, content_type=b"application/json")
    assert error(ask(application, request(ELARA, headers, "PATCH"), GREETING)) == (400, ["body"])


def test_length__announced_besides_chunks__400(application: HeaderLimits, ask: AsgiClient, key: str) -> None:
    scope = request(ELARA, chunked(key, content_length=b"24"), "PATCH")
    assert error(ask(application, scope, GREETING)) == (400, ["body"])
    assert Personality.objects.get().greeting == ""
