"""Model and temperature: those of the request, else of the personality, else of the service."""

import logging
from typing import Any

import openai
import pytest
from django.contrib.auth.models import User

from chat.backends.choose import choose_backend
from chat.tests.conftest import Client
from chat.tests.model_server import ModelServer
from chat.tests.test_chat import HELLO, sampled
from conversations import pinning
from personalities.models import Personality

COUNTED = "models_not_offered_total{}"


@pytest.fixture(autouse=True)
def offered(settings: Any, key: str) -> None:
    settings.LLM_MODEL, settings.LLM_MODELS = "big-model", ["small-model"]


def elara(**columns: Any) -> None:
    Personality.objects.filter(personality_name="elara").update(**columns)


def ask(talk: openai.OpenAI, model: ModelServer, **options: Any) -> tuple[str, float | None]:
    """The model and the temperature that the language model's server gets."""
    answer = talk.chat.completions.create(model="elara", messages=HELLO, **options)
    if options.get("stream"):
        assert {event.model for event in answer} == {"elara"}
    else:
        assert answer.model == "elara"
    body = model.requests[-1][1]
    return body["model"], body.get("temperature")


def test_generation__none__the_services_own_model_and_no_temperature(talk: openai.OpenAI, model: ModelServer) -> None:
    assert ask(talk, model) == ("big-model", None)


@pytest.mark.parametrize("stream", [False, True])
def test_generation__both__sent(talk: openai.OpenAI, model: ModelServer, stream: bool) -> None:
    elara(model="small-model", temperature=0.7)
    assert ask(talk, model, stream=stream) == ("small-model", 0.7)
    elara(model="big-model", temperature=0)
    assert ask(talk, model, stream=stream) == ("big-model", 0)


@pytest.mark.parametrize("temperature", [0, 1.5])
def test_generation__temperature_of_the_request__goes_before(
    talk: openai.OpenAI, model: ModelServer, temperature: float
) -> None:
    elara(temperature=0.7)
    assert ask(talk, model, temperature=temperature) == ("big-model", temperature)
    assert ask(talk, model, temperature=None) == ("big-model", 0.7)


def test_generation__model_that_is_not_offered__the_services_own_counted_and_said_once(
    talk: openai.OpenAI, model: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    before = sampled()[COUNTED]
    with caplog.at_level(logging.WARNING, "chat"):
        for name in ("dear-model", "dear-model", "dearest-model"):
            elara(model=name, temperature=0.7)
            assert ask(talk, model) == ("big-model", 0.7)
    said = [record.getMessage() for record in caplog.records if "LLM_MODELS" in record.getMessage()]
    assert [("dear-model" in line, "dearest-model" in line) for line in said] == [(True, False), (False, True)]
    assert sampled()[COUNTED] - before == 3


def test_generation__conversation__as_the_version_that_it_is_with(talk: openai.OpenAI, model: ModelServer) -> None:
    elara(model="small-model", temperature=0.7)
    conversation = pinning.start(User.objects.get(username="ursula"), Personality.objects.get_config("elara"))
    elara(model="", temperature=None)
    said: Any = {
        "messages": [{"role": "user", "content": "Hello?"}],
        "metadata": {"conversation": f"{conversation.pk}"},
    }
    talk.chat.completions.create(model="elara", **said)
    assert [model.requests[0][1][name] for name in ("model", "temperature")] == ["small-model", 0.7]
    assert ask(talk, model) == ("big-model", None)


def said_by_console(client: Client, settings: Any, **options: Any) -> str:
    settings.CHAT_BACKEND = "console"
    answer = client(choose_backend()).chat.completions.create(model="elara", messages=HELLO, **options)
    return (answer.choices[0].message.content or "").split("\n\n")[1]


def test_console__generation__told(client: Client, settings: Any) -> None:
    assert said_by_console(client, settings) == "model = big-model"
    elara(model="small-model", temperature=0.7)
    assert said_by_console(client, settings) == "model = small-model, temperature = 0.7"
    settings.LLM_MODEL, settings.LLM_MODELS = "", []
    elara(model="dear-model", temperature=None)
    assert said_by_console(client, settings) == "model = dear-model"
    assert said_by_console(client, settings, temperature=1) == "model = dear-model, temperature = 1.0"
    elara(model="")
    assert said_by_console(client, settings).startswith("[system]\n")
