"""Companion in front of llama.cpp's own server: not all that a model's server does can be imagined in a fake."""

import asyncio
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from chat.backends.upstream import Deadlines, UpstreamBackend
from chat.errors import ApiError
from tests.clients.llama.running import Llama, running
from tests.clients.test_bodies import WITH_SAMPLERS, recorded
from tests.e2e.instance import Instance
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(120)
MODEL = "elara"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello?"}]
TOO_LONG: list[ChatCompletionMessageParam] = [{"role": "user", "content": "la, " * 10_000}]
TOKENS, STREAMS = 20, 50
KEY = "k"  # Ollama and llama.cpp take any: one that is a letter must not be masked in what they say
SETTINGS = {"LLM_MODEL": "tiny", "LLM_API_KEY": KEY, "LLM_EXTRA_PARAMETERS": "top_k,min_p,repeat_penalty"}
MOOD = {
    "type": "object",
    "properties": {"mood": {"enum": ["calm", "merry"]}, "certain": {"type": "boolean"}},
    "required": ["mood", "certain"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def llama(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    with running(tmp_path_factory.mktemp("llama")) as server:
        yield server


@pytest.fixture(scope="module")
def behind(llama: Llama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    settings = {**SETTINGS, "LLM_BASE_URL": llama.url, "CHAT_RATE": "100000/second"}
    instance = Instance(tmp_path_factory.mktemp("behind") / "var", extra=settings)
    try:
        yield instance.wait_for_block()
    finally:
        instance.stop()


@pytest.fixture
def settings(behind: Instance) -> dict[str, Any]:
    with behind.http() as http:
        key = str(http.headers["Authorization"]).removeprefix("Bearer ")
    return {"base_url": f"{behind.url}/v1", "api_key": key, "max_retries": 0, "timeout": 60}


@pytest.fixture
def client(settings: dict[str, Any]) -> openai.OpenAI:
    return openai.OpenAI(**settings)


def test_chat__as_many_tokens_as_were_asked_for__cut_off_and_said(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=TOKENS)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage
    assert answer.usage.completion_tokens == TOKENS


def test_stream__as_many_tokens_as_were_asked_for__cut_off_and_said(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=TOKENS, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = stream
    assert last.usage
    assert last.usage.completion_tokens == TOKENS
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"
    assert len(chunks) > TOKENS / 4  # pieces, not one: some tokens are parts of a character


def test_schema__random_weights__kept_to(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        max_tokens=200,
        response_format={"type": "json_schema", "json_schema": {"name": "mood", "schema": MOOD}},
    )
    said = json.loads(answer.choices[0].message.content or "")
    assert said["mood"] in {"calm", "merry"}
    assert isinstance(said["certain"], bool)


@pytest.mark.parametrize("stream", [False, True])
def test_overflow__of_the_context__is_what_clients_act_upon(client: openai.OpenAI, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=TOO_LONG, stream=stream)
    assert refused.value.code == "context_length_exceeded"
    assert "tokens" in refused.value.message


@pytest.mark.parametrize("stream", [False, True])
def test_overflow__of_a_context_that_all_answers_share__is_what_clients_act_upon(
    installed: Path, tmp_path: Path, stream: bool
) -> None:
    """It is found while the answers are made: llama.cpp says 500, or an error inside a stream."""

    async def ask(backend: UpstreamBackend) -> str | None:
        payload: Any = {"messages": [{"role": "user", "content": "la " * 60}], "max_tokens": 2000, "stream": stream}
        with pytest.raises(ApiError) as refused:
            _ = [chunk async for chunk in backend.chunks(payload)] if stream else await backend.complete(payload)
        assert refused.value.status == HTTPStatus.BAD_REQUEST
        return refused.value.code

    async def ask_all(url: str) -> list[str | None]:
        backend = UpstreamBackend(url, KEY, "tiny", Deadlines())
        return await asyncio.gather(*(ask(backend) for _ in range(4)))

    with running(tmp_path, "2000") as llama:
        assert asyncio.run(ask_all(llama.url)) == ["context_length_exceeded"] * 4


def test_caller__hangs_up__slot_is_free(client: openai.OpenAI, llama: Llama) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=7000, stream=True)
    assert next(iter(stream))
    assert llama.busy() == 1
    stream.close()
    wait_until(lambda: llama.busy() == 0, 5)


def test_streams__fifty_at_a_time__each_to_its_end(settings: dict[str, Any]) -> None:
    async def ask(client: openai.AsyncOpenAI) -> str | None:
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=TOKENS, stream=True)
        return [chunk.choices[0].finish_reason async for chunk in stream][-1]

    async def ask_all() -> list[str | None]:
        async with openai.AsyncOpenAI(**settings) as client:
            return await asyncio.gather(*(ask(client) for _ in range(STREAMS)))

    assert asyncio.run(ask_all()) == ["length"] * STREAMS


def test_kept_conversation__cut_off__kept_as_it_was_told(client: openai.OpenAI, behind: Instance) -> None:
    with behind.http() as http:
        id = http.post("/api/v1/conversations/", json={"personality": MODEL}).raise_for_status().json()["id"]
        told = [_streamed(client, id), _unstreamed(client, id)]
        kept = http.get(f"/api/v1/conversations/{id}/messages/").raise_for_status().json()["results"]
    said = [message["content"] for message in kept if message["role"] == "assistant"]
    assert said[-2:] == told


def _streamed(client: openai.OpenAI, id: str) -> str:
    settings: dict[str, Any] = {"max_tokens": TOKENS, "metadata": {"conversation": id}}
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, **settings)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def _unstreamed(client: openai.OpenAI, id: str) -> str | None:
    settings: dict[str, Any] = {"max_tokens": TOKENS, "metadata": {"conversation": id}}
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, **settings)
    content: str | None = answer.choices[0].message.content
    return content


def test_responses__cut_off__incomplete(client: openai.OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input="Hello?", max_output_tokens=TOKENS)
    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_responses__streamed_and_cut_off__told_as_they_end(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model=MODEL, input="Hello?", max_output_tokens=TOKENS, stream=True))
    told = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.output_text == told


def test_responses__in_a_kept_conversation__go_on(client: openai.OpenAI, behind: Instance) -> None:
    with behind.http() as http:
        id = http.post("/api/v1/conversations/", json={"personality": MODEL}).raise_for_status().json()["id"]
        kept = {"conversation": id}
        first = client.responses.create(model=MODEL, input="Hello?", max_output_tokens=TOKENS, metadata=kept)
        client.responses.create(
            model=MODEL, input="And?", max_output_tokens=TOKENS, previous_response_id=first.id, metadata=kept
        )
        messages = http.get(f"/api/v1/conversations/{id}/messages/").raise_for_status().json()["results"]
    assert [message["content"] for message in messages if message["role"] == "user"] == ["Hello?", "And?"]
    assert first.output_text in [message["content"] for message in messages]


@pytest.mark.parametrize("request_", [pytest.param(given, id=given["what"]) for given in recorded(WITH_SAMPLERS)])
def test_samplers__of_llama_cpp__pass_where_the_operator_lists_them(behind: Instance, request_: dict[str, Any]) -> None:
    with behind.http() as http:
        answer = http.post(request_["path"], json={"max_tokens": TOKENS, **request_["body"]}, timeout=30)
    assert answer.status_code == 200, answer.text
