"""instructor, in its default mode, which is tools, and in that of JSON schemas; with an older OpenAI client."""

import instructor
import openai
import pytest
from pydantic import BaseModel
from shared import MODEL, PERSONA

WHERE = [{"role": "user", "content": "Where?"}]
PARIS = {"city": "Paris", "people": 7}


class City(BaseModel):
    city: str
    people: int


def patched(mode=instructor.Mode.TOOLS):
    return instructor.from_openai(openai.OpenAI(max_retries=0), mode=mode)


def create(client, **settings):
    return client.chat.completions.create(model=MODEL, messages=WHERE, **settings)


def test_chat():
    assert PERSONA in create(openai.OpenAI(max_retries=0)).choices[0].message.content


def test_structured_output_by_tools():
    assert create(patched(), response_model=City, max_retries=1).model_dump() == PARIS


def test_structured_output():
    answer = create(patched(instructor.Mode.JSON_SCHEMA), response_model=City, max_retries=1)
    assert answer.model_dump() == PARIS


def test_streamed_structured_output():
    pieces = list(patched().chat.completions.create_partial(model=MODEL, messages=WHERE, response_model=City))
    assert pieces[-1].model_dump() == PARIS


def test_errors():
    with pytest.raises(Exception, match=r"nobody|model"):  # instructor wraps them in its own
        patched().chat.completions.create(model="nobody", messages=WHERE, response_model=City, max_retries=1)
