"""OpenAI's own client and a service as `dev.py run` starts it: with the console, and before a language model."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import psycopg
import pytest
from openai.types.chat import ChatCompletionMessageParam

from chat.tests import model_server, raw_client
from chat.tests.model_server import ModelServer
from tests.e2e.conftest import Start
from tests.e2e.instance import Instance
from tests.waiting import wait_until

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello?"}]
STREAMS = 500


def key_of(instance: Instance) -> str:
    return str(instance.http().headers["Authorization"]).removeprefix("Bearer ")


def client_of(instance: Instance) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{instance.url}/v1", api_key=key_of(instance), max_retries=0, timeout=20)


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with model_server.running() as server:
        yield server


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory, model: ModelServer) -> Iterator[Instance]:
    """An instance in front of `model`, with one connection to its database."""
    extra = {
        "LLM_BASE_URL": model.url,
        "LLM_MODEL": "big-model",
        "DATABASE_POOL_SIZE": "1",
        "CHAT_RATE": "100000/second",
    }
    running = Instance(tmp_path_factory.mktemp("talking") / "var", extra=extra)
    try:
        yield running.wait_for_block()
    finally:
        running.stop()


@pytest.fixture(autouse=True)
def _good_behaviour(model: ModelServer) -> None:
    model.behaviour = model_server.answer


def test_run__unchanged__lists_chats_and_streams(instance: Instance) -> None:
    with client_of(instance) as client:
        assert {"elara", "nova"} <= {model.id for model in client.models.list()}
        assert client.models.retrieve("Elara").id == "elara"
        said = client.chat.completions.create(model="elara", messages=HELLO).choices[0].message.content
        events = client.chat.completions.create(model="elara", messages=HELLO, stream=True)
        assert said == "".join(event.choices[0].delta.content or "" for event in events)
        assert "CHAT_BACKEND=console" in said
        assert "Your name is Elara." in said


def test_run__unchanged__typed_errors(instance: Instance) -> None:
    with client_of(instance) as client:
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="sk-other").models.list()
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="nobody", messages=HELLO)
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="elara", messages=[])


def test_run__page_without_a_session__typed_error_and_the_headers_of_all_pages(instance: Instance) -> None:
    said = httpx.post(f"{instance.url}/chat/completions", json={"model": "elara", "messages": HELLO}, trust_env=False)
    assert (said.status_code, said.json()["error"]["code"]) == (401, "signed_out")
    assert said.headers["X-Content-Type-Options"] == "nosniff"


def test_run__language_model__answers_and_its_failures_are_typed(talking: Instance, model: ModelServer) -> None:
    with client_of(talking) as client:
        assert (
            client.chat.completions.create(model="elara", messages=HELLO).choices[0].message.content == "Hello there."
        )
        model.behaviour = model_server.status("429 Too Many")
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="elara", messages=HELLO)
        model.behaviour = model_server.status("500 Oops")
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="elara", messages=HELLO, stream=True)


def test_run__language_model_down__502(start: Start, tmp_path: Path) -> None:
    with model_server.running() as server:
        extra = {"LLM_BASE_URL": server.url, "LLM_MODEL": "big-model"}
    with client_of(start(tmp_path / "var", extra=extra)) as client:
        with pytest.raises(openai.InternalServerError, match="cannot be reached") as raised:
            client.chat.completions.create(model="elara", messages=HELLO, stream=True)
        assert (raised.value.status_code, raised.value.code) == (502, "upstream_unreachable")


@pytest.mark.parametrize("behaviour", [model_server.silent, model_server.wait_for_release, model_server.flood])
def test_run__caller_hangs_up__the_model_is_let_go_within_two_seconds(
    talking: Instance, model: ModelServer, behaviour: model_server.Behaviour
) -> None:
    model.behaviour, before = behaviour, len(model.requests)
    connection = raw_client.call(f"{talking.url}/v1", key_of(talking))
    wait_until(lambda: len(model.requests) > before)
    raw_client.reset(connection)
    wait_until(lambda: model.connections == 0, 2)


def test_run__two_hundred_reset_at_once__healthy(talking: Instance, model: ModelServer) -> None:
    model.behaviour = model_server.silent
    for connection in [raw_client.call(f"{talking.url}/v1", key_of(talking)) for _ in range(200)]:
        raw_client.reset(connection)
    wait_until(lambda: model.connections == 0 and streams_of(talking) == 0)
    model.behaviour = model_server.answer
    with client_of(talking) as client:
        assert client.chat.completions.create(model="elara", messages=HELLO)
    assert talking.is_ready()


def test_run__five_hundred_streams__database_untouched(talking: Instance, model: ModelServer) -> None:
    """Meanwhile others get the only connection there is, besides the one that follows the change log."""
    model.behaviour = model_server.wait_for_release
    model.counts.clear()

    def meanwhile() -> None:
        wait_until(lambda: model.counts["waiting"] == STREAMS, 60)
        assert streams_of(talking) == STREAMS
        assert connections_of(talking) <= 2
        talking.elara(greeting="Hm.")
        model.release_all()

    answers = asyncio.run(raw_client.streams(f"{talking.url}/v1", key_of(talking), STREAMS, meanwhile))
    assert len(answers) == STREAMS
    assert all(b"there." in answer and b"data: [DONE]" in answer for answer in answers)


def streams_of(instance: Instance) -> int:
    with instance.http() as client:
        found = re.search(r"^companion_chat_streams (\d+)", client.get("/metrics").text, re.MULTILINE)
    assert found
    return int(found[1])


def connections_of(instance: Instance) -> int:
    """Connections as PostgreSQL counts them, without this one."""
    with psycopg.connect(instance.database_url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        row = connection.execute(query).fetchone()
    assert row
    return int(row[0])
