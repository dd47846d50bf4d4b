"""LiteLLM's SDK."""

import asyncio
import json

import litellm
import pytest
from pydantic import BaseModel
from shared import KEY, MODEL, PERSONA, PNG_URL, URL, WEATHER

SETTINGS = {"model": f"openai/{MODEL}", "api_base": URL, "api_key": KEY, "max_retries": 0}
HELLO = [{"role": "user", "content": "Hello?"}]


class City(BaseModel):
    city: str
    people: int


def ask(messages, **settings):
    return litellm.completion(messages=messages, **{**SETTINGS, **settings})


def test_chat():
    assert PERSONA in ask(HELLO).choices[0].message.content


def test_stream():
    told = [chunk.choices[0].delta.content or "" for chunk in ask(HELLO, stream=True)]
    assert PERSONA in "".join(told)
    assert len(told) > 3


def test_asynchronous():
    answer = asyncio.run(litellm.acompletion(messages=HELLO, **SETTINGS))
    assert PERSONA in answer.choices[0].message.content


def test_answer_sent_back():
    message = ask(HELLO).choices[0].message
    assert ask([*HELLO, message, *HELLO]).choices[0].message.content


@pytest.mark.parametrize("stream", [False, True])
def test_tools(stream):
    messages = [{"role": "user", "content": "Is it raining?"}]
    answer = ask(messages, tools=[WEATHER], stream=stream)
    answer = litellm.stream_chunk_builder(list(answer)) if stream else answer
    (call,) = answer.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "Rain in Paris"}]
    assert ask(messages, tools=[WEATHER]).choices[0].message.content.endswith("Rain in Paris")


def test_structured_output():
    answer = ask(HELLO, response_format=City)
    assert City.model_validate_json(answer.choices[0].message.content) == City(city="Paris", people=7)


def test_image():
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PNG_URL}}]
    answer = ask([{"role": "user", "content": parts}])
    assert answer.choices[0].message.content.startswith("I see image/png.")


def test_responses():
    answer = litellm.responses(input="Hello?", **SETTINGS)
    assert PERSONA in answer.output[-1].content[0].text


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (litellm.BadRequestError, {"temperature": 9}),
        (litellm.AuthenticationError, {"api_key": "wrong"}),
        (litellm.NotFoundError, {"model": "openai/nobody"}),
    ],
)
def test_errors(error, changes):
    with pytest.raises(error):
        ask(HELLO, **changes)


def test_errors_of_the_model():
    with pytest.raises(litellm.RateLimitError):
        ask([{"role": "user", "content": "Answer 429."}])


def test_hang_up():
    stream = ask([{"role": "user", "content": "Count for litellm_sdk."}], stream=True)
    assert next(iter(stream))
    stream.completion_stream.close()
