"""The backend that the settings choose; and that the language model's key is sent to its server only."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from django.test import Client as Browser

from chat.backends.choose import UnconfiguredBackend, choose_backend
from chat.backends.console import ConsoleBackend
from chat.backends.upstream import Deadlines, UpstreamBackend
from chat.tests import model_server
from chat.tests.conftest import SECRET
from chat.tests.model_server import ModelServer
from chat.tests.test_model_failures import whole


@pytest.mark.parametrize(
    ("backend", "url", "expected"),
    [
        ("upstream", "", UnconfiguredBackend),
        ("upstream", "http://127.0.0.1:1", UpstreamBackend),
        ("console", "", ConsoleBackend),
        ("console", "http://127.0.0.1:1", ConsoleBackend),
    ],
)
def test_choose_backend__settings__decide(settings: Any, backend: str, url: str, expected: type) -> None:
    settings.CHAT_BACKEND, settings.LLM_BASE_URL, settings.LLM_MODEL = backend, url, "m"
    assert isinstance(choose_backend(), expected)


@pytest.mark.parametrize(
    ("known", "given", "sent"),
    [
        ("", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ("", {"max_tokens": 5}, {"max_tokens": 5}),
        ("max_tokens", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("max_tokens", {"max_completion_tokens": 5, "max_tokens": 7}, {"max_tokens": 5}),
        ("max_completion_tokens", {"max_tokens": 7}, {"max_completion_tokens": 7}),
        ("max_tokens", {}, {}),
    ],
)
def test_choose_backend__a_server_knows_one_name_of_the_bound__sent_under_that(
    settings: Any, model: ModelServer, known: str, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    settings.CHAT_BACKEND, settings.LLM_BASE_URL, settings.LLM_MODEL = "upstream", model.url, "m"
    settings.LLM_MAX_TOKENS_PARAMETER = known
    payload: Any = {"messages": [], **given}
    asyncio.run(choose_backend().complete(payload))
    assert model.requests[0][1] == {"model": "m", "messages": []} | sent


@pytest.fixture
def other() -> Iterator[ModelServer]:
    with model_server.running() as server:
        yield server


def test_upstream__redirected__the_key_stays_here(talk: openai.OpenAI, model: ModelServer, other: ModelServer) -> None:
    for status in ("301 Moved", "307 Moved", "308 Moved"):
        model.behaviour = model_server.status(status, more=f"Location: {other.url}/chat/completions\r\n")
        with pytest.raises(openai.InternalServerError):
            whole(talk)
    assert model.requests[0][0]["authorization"] == f"Bearer {SECRET}"
    assert not other.requests


def test_upstream__proxy_in_the_environment__not_used(
    monkeypatch: pytest.MonkeyPatch, model: ModelServer, other: ModelServer
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    backend = UpstreamBackend(model.url, SECRET, "m", Deadlines())
    answer = asyncio.run(backend.complete({"messages": []}))
    message: Any = answer["choices"][0]["message"]
    assert message["content"] == "Hello there."
    assert not other.requests


def test_upstream__fails__the_key_and_what_it_said_stand_in_no_answer(
    talk: openai.OpenAI, model: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    said = json.dumps({"error": {"message": f"bad key {SECRET}", "code": SECRET}}).encode()
    for behaviour in (
        model_server.status("401 No", said),
        model_server.status("400 No", said),
        model_server.reset,
        model_server.silent,
    ):
        model.behaviour = behaviour
        with pytest.raises(openai.APIStatusError) as raised:
            whole(talk)
        assert SECRET not in str(raised.value)
    assert SECRET not in caplog.text
    assert "bad key" in caplog.text


@pytest.mark.django_db
def test_schema__chat__is_in_it_and_every_reference_leads_somewhere() -> None:
    schema = Browser().get("/api/schema/?format=json").json()
    assert {"/v1/chat/completions", "/v1/models", "/v1/models/{name}"} <= schema["paths"].keys()
    components = {f"#/components/{kind}/{name}" for kind, named in schema["components"].items() for name in named}
    assert set(references(schema)) <= components
    assert "temperature" in schema["components"]["schemas"]["ChatRequest"]["properties"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)
