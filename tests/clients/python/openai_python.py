"""OpenAI's own client for Python."""

import asyncio

import httpx
import openai
import pytest
from pydantic import BaseModel
from shared import KEY, MODEL, PARAMETERS, PERSONA, PNG_URL, URL, WEATHER, weather_in

HELLO = [{"role": "user", "content": "Hello?"}]
RAIN = [{"role": "user", "content": "Is it raining?"}]
LOOK = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PNG_URL}}]
TOOL = {"type": "function", "name": "weather", "description": "The weather in a city.", "parameters": PARAMETERS}
client = openai.OpenAI(max_retries=0)


class City(BaseModel):
    city: str
    people: int


def test_models():
    assert MODEL in {model.id for model in client.models.list()}
    assert client.models.retrieve(MODEL).id == MODEL


def test_chat():
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert PERSONA in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 12


def test_stream():
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, stream_options=options)
    told = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert PERSONA in "".join(told)
    assert len(told) > 3
    assert last.usage.total_tokens == 12


def test_asynchronous():
    async def ask():
        async with openai.AsyncOpenAI(max_retries=0) as asynchronous:
            answers = [asynchronous.chat.completions.create(model=MODEL, messages=HELLO) for _ in range(10)]
            return await asyncio.gather(*answers)

    assert all(PERSONA in answer.choices[0].message.content for answer in asyncio.run(ask()))


def test_tools():
    messages = [*RAIN]
    message = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER]).choices[0].message
    (call,) = message.tool_calls
    assert call.function.name == "weather"
    result = weather_in(City.model_validate_json(call.function.arguments[:-1] + ', "people": 1}').city)
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": result}]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content.endswith("I heard: Rain in Paris")


def test_streamed_tools():
    settings = {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": True}
    with client.chat.completions.stream(model=MODEL, messages=RAIN, **settings) as stream:
        for _ in stream:
            pass
        (choice,) = stream.get_final_completion().choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls[0].function.arguments == '{"city": "Paris"}'


def test_structured_output():
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=City)
    assert answer.choices[0].message.parsed == City(city="Paris", people=7)


def test_parsed_sent_back():
    message = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=City).choices[0].message
    answer = client.chat.completions.create(model=MODEL, messages=[*HELLO, message, *RAIN])
    assert answer.choices[0].message.content.endswith("Is it raining?")


def test_image():
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": LOOK}])
    assert answer.choices[0].message.content.startswith("I see image/png.")


def test_kept_conversation():
    """Only what is new is sent, and she goes on. The turns can be read afterwards."""
    headers, place = {"Authorization": f"Bearer {KEY}"}, URL.replace("/v1", "/api/v1/conversations/")
    with httpx.Client(headers=headers) as http:
        id = http.post(place, json={"personality": MODEL}).raise_for_status().json()["id"]
        for said in ("Hello?", "Is it raining?"):
            messages = [{"role": "user", "content": said}]
            client.chat.completions.create(model=MODEL, messages=messages, metadata={"conversation": id})
        kept = http.get(f"{place}{id}/messages/").raise_for_status().json()["results"]
    said = [message["content"] for message in kept if message["role"] == "user"]
    assert said == ["Hello?", "Is it raining?"]
    assert kept[-1]["content"].endswith("I heard: Is it raining?")


def test_responses():
    answer = client.responses.create(model=MODEL, input="Hello?", instructions="Be brief.")
    assert PERSONA in answer.output_text
    assert answer.status == "completed"


def test_streamed_responses():
    with client.responses.stream(model=MODEL, input="Hello?") as stream:
        told = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert told == stream.get_final_response().output_text
    assert PERSONA in told


def test_tools_of_responses():
    given = [{"role": "user", "content": "Is it raining?"}]
    answer = client.responses.create(model=MODEL, input=given, tools=[TOOL])
    (call,) = [item for item in answer.output if item.type == "function_call"]
    given += [*answer.output, {"type": "function_call_output", "call_id": call.call_id, "output": "Rain in Paris"}]
    assert client.responses.create(model=MODEL, input=given, tools=[TOOL]).output_text.endswith("Rain in Paris")


def test_structured_output_of_responses():
    answer = client.responses.parse(model=MODEL, input="Hello?", text_format=City)
    assert answer.output_parsed == City(city="Paris", people=7)


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (openai.BadRequestError, {"temperature": 9}),
        (openai.NotFoundError, {"model": "nobody"}),
        (openai.RateLimitError, {"messages": [{"role": "user", "content": "Answer 429."}]}),
        (openai.InternalServerError, {"messages": [{"role": "user", "content": "Answer 500."}]}),
    ],
)
def test_errors(error, changes):
    with pytest.raises(error) as found:
        client.chat.completions.create(**{"model": MODEL, "messages": HELLO} | changes)
    assert found.value.body["message"]


def test_errors_of_a_wrong_key():
    with pytest.raises(openai.AuthenticationError) as found:
        openai.OpenAI(api_key="wrong", max_retries=0).models.list()
    assert found.value.code == "invalid_api_key"


def test_hang_up():
    stream = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Count for openai_python."}], stream=True
    )
    assert next(iter(stream)).choices
    stream.close()
