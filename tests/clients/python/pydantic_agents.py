"""Pydantic AI: an agent with tools, and with an output type, which is a tool too."""

import asyncio

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, NativeOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from shared import MODEL, PERSONA, PNG, weather_in

model = OpenAIChatModel(MODEL)


class City(BaseModel):
    city: str
    people: int


def weather(city: str) -> str:
    """The weather in a city."""
    return weather_in(city)


def test_chat():
    agent = Agent(model, instructions="Be brief.")
    first = agent.run_sync("Hello?")
    assert PERSONA in first.output
    assert agent.run_sync("Is it raining?", message_history=first.all_messages()).output.endswith("Is it raining?")


async def _stream(agent, prompt):
    async with agent.run_stream(prompt) as stream:
        return [text async for text in stream.stream_text(delta=True, debounce_by=None)]


@pytest.mark.parametrize("kind", [OpenAIChatModel, OpenAIResponsesModel])
def test_stream(kind):
    told = asyncio.run(_stream(Agent(kind(MODEL)), "Hello?"))
    assert PERSONA in "".join(told)
    assert len(told) > 3


def test_tools():
    assert Agent(model, tools=[weather]).run_sync("Is it raining?").output.endswith("I heard: Rain in Paris")


def test_structured_output_by_tools():
    assert Agent(model, output_type=City).run_sync("Where?").output == City(city="Paris", people=7)


def test_tools_and_structured_output():
    agent = Agent(model, tools=[weather], output_type=City)
    assert agent.run_sync("Is it raining?").output == City(city="Paris", people=7)


def test_structured_output():
    assert Agent(model, output_type=NativeOutput(City)).run_sync("Where?").output == City(city="Paris", people=7)


def test_image():
    answer = Agent(model).run_sync(["What is it?", BinaryContent(PNG, media_type="image/png")])
    assert answer.output.startswith("I see image/png.")


def test_responses():
    agent = Agent(OpenAIResponsesModel(MODEL), tools=[weather], output_type=City)
    assert agent.run_sync("Is it raining?").output == City(city="Paris", people=7)


def test_errors():
    with pytest.raises(ModelHTTPError) as found:
        Agent(OpenAIChatModel("nobody")).run_sync("Hello?")
    assert found.value.status_code == 404
