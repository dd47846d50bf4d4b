"""Bugs, and a database that accepts no writes: errors in OpenAI's shape, at once, and logged."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import openai
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from chat.backends import Chunk, Payload
from chat.backends.answers import ChunkBuilder
from chat.errors import ApiError
from chat.metrics import counts
from chat.tests.conftest import Client
from chat.threads import in_thread
from tests.database import sql

HELLO: Any = [{"role": "user", "content": "Hello?"}]
BROKEN = {"message": "Something broke here; it was logged.", "type": "api_error", "param": None}


class Broken:
    """A backend with a bug that shows after this many chunks."""

    stream_seconds = None

    def __init__(self, after: int) -> None:
        self.after = after

    async def complete(self, payload: Payload) -> dict[str, Any]:
        raise ZeroDivisionError(str(payload))

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        for _ in range(self.after):
            yield ChunkBuilder().piece("Hello ")
        raise ZeroDivisionError(str(payload))


@pytest.mark.parametrize("options", [{}, {"stream": True}])
def test_bug__before_the_answer__500(client: Client, caplog: Any, options: Any) -> None:
    with pytest.raises(openai.InternalServerError) as raised:
        client(Broken(0)).chat.completions.create(model="elara", messages=HELLO, **options)
    assert (raised.value.status_code, raised.value.body) == (500, BROKEN | {"code": "internal_error"})
    assert "ZeroDivisionError" in caplog.text


def test_bug__in_the_answer__error_at_once(client: Client, caplog: Any) -> None:
    before = counts.cut["internal_error"]
    answer = client(Broken(1)).chat.completions.create(model="elara", messages=HELLO, stream=True, timeout=5)
    assert next(answer).choices[0].delta.content == "Hello "
    with pytest.raises(openai.APIError, match="Something broke here"):
        next(answer)
    assert counts.cut["internal_error"] == before + 1
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_in_thread__database_takes_no_writes__503() -> None:
    with pytest.raises(ApiError) as raised:
        asyncio.run(in_thread(_write_to_a_standby))
    assert (raised.value.status, raised.value.code) == (503, "database_unavailable")
    assert "takes no writes" in str(raised.value)


def _write_to_a_standby() -> None:
    try:
        with transaction.atomic():
            sql("SET TRANSACTION READ ONLY")
            User.objects.create_user("ursula")
    finally:
        connection.close()
