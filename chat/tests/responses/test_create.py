"""`/v1/responses` over HTTP, with OpenAI's own client in front of a real server and a real one behind it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pydantic
import pytest

from chat.application import Chat
from chat.backends.console import ConsoleBackend
from chat.limits import Admission
from chat.metrics import counts
from chat.tests import model_server
from chat.tests.conftest import Client, served
from chat.tests.model_server import SSE, ModelServer, start_response, write
from tests.waiting import wait_until

TOOL: Any = {
    "type": "function",
    "name": "add",
    "description": "Adds.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    "strict": True,
}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}


def answering(message: dict[str, Any], finish: str = "stop") -> model_server.Behaviour:
    """Answers with this message: in one chunk, if it is asked to stream."""

    async def behaviour(server: ModelServer, writer: model_server.Writer, request: dict[str, Any]) -> None:
        usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
        if not request.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
            await start_response(writer, "application/json")
            await write(writer, json.dumps({"id": "c1", "choices": [choice], "usage": usage}).encode())
            return
        choices = [{"index": 0, "delta": message}], [{"index": 0, "delta": {}, "finish_reason": finish}]
        await start_response(writer, SSE)
        for value in ({"choices": choices[0]}, {"choices": choices[1]}, {"choices": [], "usage": usage}):
            await write(writer, f"data: {json.dumps(value)}\n\n".encode())
        await write(writer, b"data: [DONE]\n\n")

    return behaviour


def test_create__text__the_model_hears_her_prompt_and_the_text(talk: openai.OpenAI, model: ModelServer) -> None:
    response = talk.responses.create(model="elara", input="Hi", instructions="Be brief.", store=False)
    assert (response.output_text, response.model, response.status) == ("Hello there.", "elara", "completed")
    assert (response.usage and response.usage.total_tokens, response.id[:5]) == (9, "resp_")
    sent = model.requests[0][1]
    prompt, *others = sent.pop("messages")
    assert "Bridges" in prompt["content"]
    assert others == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert sent == {"model": "big-model"} | {name: sent[name] for name in sent if name == "temperature"}


def test_create__what_both_apis_name_alike__passed_on(talk: openai.OpenAI, model: ModelServer) -> None:
    given = {"user": "u", "safety_identifier": "s", "prompt_cache_key": "p", "service_tier": "flex"}
    given |= {"prompt_cache_retention": "24h"}
    talk.responses.create(model="elara", input="Hi", extra_body=given)
    assert model.requests[0][1].items() >= given.items()


def test_create__a_file_by_its_address__if_the_operator_lets_it_be_fetched(
    talk: openai.OpenAI, model: ModelServer, settings: Any
) -> None:
    settings.LLM_CONTENT_PARTS = ["text", "file"]
    said: Any = [{"role": "user", "content": [{"type": "input_file", "file_url": "https://files.example/a.pdf"}]}]
    with pytest.raises(openai.BadRequestError, match="LLM_CONTENT_PART_ADDRESSES"):
        talk.responses.create(model="elara", input=said)
    settings.LLM_CONTENT_PART_ADDRESSES = True
    talk.responses.create(model="elara", input=said)
    sent = model.requests[0][1]["messages"][-1]["content"]
    assert sent == [{"type": "file", "file": {"file_url": "https://files.example/a.pdf"}}]


def test_create__a_file_by_its_id__if_the_operator_lets_it_be_fetched(
    talk: openai.OpenAI, model: ModelServer, settings: Any
) -> None:
    settings.LLM_CONTENT_PARTS = ["text", "file"]
    said: Any = [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]
    with pytest.raises(openai.BadRequestError, match="LLM_CONTENT_PART_ADDRESSES"):
        talk.responses.create(model="elara", input=said)
    settings.LLM_CONTENT_PART_ADDRESSES = True
    talk.responses.create(model="elara", input=said)
    assert model.requests[0][1]["messages"][-1]["content"] == [{"type": "file", "file": {"file_id": "file-1"}}]


def test_create__neutral_as_chat_takes_it__the_model_hears_nothing_of_it(
    talk: openai.OpenAI, model: ModelServer
) -> None:
    neutral = {"n": 1, "frequency_penalty": 0, "stop": None, "top_k": -1, "reasoning": {"effort": ""}}
    talk.responses.create(model="elara", input="Hi", extra_body=neutral)
    assert not model.requests[0][1].keys() & {*neutral, "reasoning_effort"}


def test_create__outside_of_a_conversation__nothing_is_asked_of_a_key(talk: openai.OpenAI) -> None:
    answer = talk.responses.create(model="elara", input="Hi.", extra_headers={"Idempotency-Key": "two words"})
    assert answer.output_text == "Hello there."


def test_create__streamed__typed_events(talk: openai.OpenAI, model: ModelServer) -> None:
    with talk.responses.stream(model="elara", input="Hi") as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert stream.get_final_response().output_text == "".join(texts) == "Hello there."
    assert model.requests[0][1]["stream_options"] == {"include_usage": True}


class Sum(pydantic.BaseModel):
    a: int


def test_create__parsed__the_schema_reaches_the_model(talk: openai.OpenAI, model: ModelServer) -> None:
    model.behaviour = answering({"content": '{"a": 3}'})
    assert talk.responses.parse(model="elara", input="1 + 2?", text_format=Sum).output_parsed == Sum(a=3)
    assert model.requests[0][1]["response_format"]["json_schema"]["name"] == "Sum"


@pytest.mark.parametrize("stream", [False, True])
def test_create__a_call_and_what_it_returned__sent_back_as_items(
    talk: openai.OpenAI, model: ModelServer, stream: bool
) -> None:
    model.behaviour = model_server.in_sequence(
        answering({"content": None, "tool_calls": [CALL]}, "tool_calls"), answering({"content": "Three."})
    )
    given: list[Any] = [{"role": "user", "content": "1 + 2?"}]
    response: Any = talk.responses.create(model="elara", input=given, tools=[TOOL], stream=stream)
    if stream:
        response = list(response)[-1].response
    given += [item.to_dict() for item in response.output]
    given += [{"type": "function_call_output", "call_id": "call_1", "output": "3"}]
    assert talk.responses.create(model="elara", input=given, tools=[TOOL]).output_text == "Three."
    assert [message["role"] for message in model.requests[1][1]["messages"]] == ["system", "user", "assistant", "tool"]
    assert model.requests[1][1]["tools"][0]["function"] == {name: TOOL[name] for name in TOOL if name != "type"}


def test_create__cut_short__incomplete(talk: openai.OpenAI, model: ModelServer) -> None:
    model.behaviour = answering({"content": "Hel"}, "length")
    response = talk.responses.create(model="elara", input="Hi", max_output_tokens=1)
    assert response.status == "incomplete"
    assert response.incomplete_details
    assert response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"input": []}, "input"),
        ({"temperature": 3}, "temperature"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ],
)
def test_create__not_supported__refused_by_name(talk: openai.OpenAI, given: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        talk.responses.create(**{"model": "elara", "input": "Hi", **given})
    assert (raised.value.status_code in {400, 404}, raised.value.param) == (True, param)
    assert "LLM_EXTRA_PARAMETERS" not in raised.value.message


@pytest.mark.parametrize("stream", [False, True])
def test_create__the_model_fails__its_status(talk: openai.OpenAI, model: ModelServer, stream: bool) -> None:
    model.behaviour = model_server.status("500 Oops")
    with pytest.raises(openai.InternalServerError) as raised:
        talk.responses.create(model="elara", input="Hi", stream=stream)
    assert raised.value.code == "upstream_failed"


def test_create__the_model_breaks_off__the_client_raises(talk: openai.OpenAI, model: ModelServer) -> None:
    model.behaviour = model_server.streaming(model_server.chunk("Hello"))
    with pytest.raises(openai.APIError) as raised:
        list(talk.responses.create(model="elara", input="Hi", stream=True))
    assert raised.value.code == "upstream_broken"


def test_create__its_caller_hangs_up__the_model_is_let_go(talk: openai.OpenAI, model: ModelServer) -> None:
    model.behaviour = model_server.wait_for_release
    stream = talk.responses.create(model="elara", input="Hi", stream=True)
    next(iter(stream))
    stream.close()
    wait_until(lambda: model.connections == 0 and counts.streams == 0, 2)


def test_create__too_often__429(client: Client) -> None:
    async def refuse(user_id: int, key: str) -> Admission:
        return Admission(False, {"Retry-After": "7"})

    with pytest.raises(openai.RateLimitError) as raised:
        client(admit=refuse).responses.create(model="elara", input="Hi")
    assert raised.value.response.headers["Retry-After"] == "7"


@pytest.fixture
def raw(key: str) -> Iterator[httpx.Client]:
    with served(Chat(ConsoleBackend())) as url, httpx.Client(base_url=url, timeout=20) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/responses"), ("POST", "/responses/resp_1"), ("PUT", "/responses")]
)
def test_create__another_method__405(raw: httpx.Client, method: str, path: str) -> None:
    answer = raw.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_create__deeper_paths__404(raw: httpx.Client) -> None:
    assert raw.get("/responses/resp_1/input_items").json()["error"]["code"] == "unknown_url"


def test_create__counted_by_endpoint(raw: httpx.Client) -> None:
    before = counts.answers["/v1/responses", 200]
    assert raw.post("/responses", json={"model": "elara", "input": "Hi"}).status_code == 200
    wait_until(lambda: counts.answers["/v1/responses", 200] == before + 1)
