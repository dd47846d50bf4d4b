"""OpenAI's Agents SDK: by default it asks for responses."""

import asyncio

import openai
import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, SQLiteSession, function_tool
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel
from shared import MODEL, PERSONA, PNG_URL, weather_in

loop = asyncio.new_event_loop()  # one for all: the SDK keeps its connections


class City(BaseModel):
    city: str
    people: int


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    return weather_in(city)


def agent(**settings):
    return Agent(name="Companion", **{"model": MODEL, "instructions": "Be brief.", **settings})


def run(*arguments, **settings):
    return loop.run_until_complete(Runner.run(*arguments, **settings)).final_output


def test_responses():
    assert PERSONA in run(agent(), "Hello?")


def test_streamed_responses():
    async def ask():
        events = Runner.run_streamed(agent(), "Hello?").stream_events()
        deltas = [event.data async for event in events if event.type == "raw_response_event"]
        return "".join(data.delta for data in deltas if isinstance(data, ResponseTextDeltaEvent))

    assert PERSONA in loop.run_until_complete(ask())


def test_session():
    session = SQLiteSession("talk")
    run(agent(), "Hello?", session=session)
    assert run(agent(), "Is it raining?", session=session).endswith("Is it raining?")


def test_previous_response():
    first = loop.run_until_complete(Runner.run(agent(tools=[weather]), "Is it raining?"))
    assert run(agent(), "And now?", previous_response_id=first.last_response_id).endswith("And now?")


def test_tools():
    assert run(agent(tools=[weather]), "Is it raining?").endswith("Rain in Paris")


def test_structured_output():
    assert run(agent(output_type=City), "Where?") == City(city="Paris", people=7)


def test_image():
    parts = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": PNG_URL}]
    assert run(agent(), [{"role": "user", "content": parts}]).startswith("I see image/png.")


def test_chat():
    chat = OpenAIChatCompletionsModel(MODEL, openai.AsyncOpenAI(max_retries=0))
    assert run(agent(model=chat, tools=[weather]), "Is it raining?").endswith("Rain in Paris")


def test_errors():
    with pytest.raises(openai.NotFoundError):
        run(agent(model="nobody"), "Hello?")
