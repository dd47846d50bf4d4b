"""LangChain's ChatOpenAI."""

import asyncio

import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from shared import MODEL, PERSONA, PNG_URL, weather_in

model = ChatOpenAI(model=MODEL, max_retries=0)


class City(BaseModel):
    """A city."""

    city: str
    people: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return weather_in(city)


def test_chat():
    assert PERSONA in model.invoke("Hello?").content


def test_stream():
    told = [chunk.content for chunk in model.stream([SystemMessage("Be brief."), HumanMessage("Hello?")])]
    assert PERSONA in "".join(told)
    assert len(told) > 3


def test_asynchronous():
    answers = asyncio.run(model.abatch(["Hello?"] * 5))
    assert all(PERSONA in answer.content for answer in answers)


@pytest.mark.parametrize("streamed", [False, True])
def test_tools(streamed):
    bound = model.bind_tools([weather])
    messages = [HumanMessage("Is it raining?")]
    if streamed:
        pieces = list(bound.stream(messages))
        answer = sum(pieces[1:], pieces[0])
    else:
        answer = bound.invoke(messages)
    (call,) = answer.tool_calls
    assert call["args"] == {"city": "Paris"}
    said = bound.invoke([*messages, answer, weather.invoke(call)]).content
    assert said.endswith("I heard: Rain in Paris")


def test_structured_output():
    assert model.with_structured_output(City).invoke("Where?") == City(city="Paris", people=7)


def test_structured_output_by_tools():
    asked = model.with_structured_output(City, method="function_calling", include_raw=True)
    answer = asked.invoke("Where?")
    assert answer["parsed"] == City(city="Paris", people=7)
    assert isinstance(answer["raw"], AIMessage)


def test_image():
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PNG_URL}}]
    assert model.invoke([HumanMessage(parts)]).content.startswith("I see image/png.")


def test_responses():
    answer = ChatOpenAI(model=MODEL, max_retries=0, use_responses_api=True).invoke("Hello?")
    assert PERSONA in answer.text


def test_tools_of_responses():
    bound = ChatOpenAI(model=MODEL, max_retries=0, use_responses_api=True).bind_tools([weather])
    messages = [HumanMessage("Is it raining?")]
    answer = bound.invoke(messages)
    (call,) = answer.tool_calls
    assert bound.invoke([*messages, answer, weather.invoke(call)]).text.endswith("Rain in Paris")


def test_errors():
    with pytest.raises(openai.NotFoundError):
        ChatOpenAI(model="nobody", max_retries=0).invoke("Hello?")
    with pytest.raises(openai.RateLimitError):
        model.invoke("Answer 429.")


def test_hang_up():
    stream = model.stream("Count for langchain_python.")
    assert next(stream)
    stream.close()
