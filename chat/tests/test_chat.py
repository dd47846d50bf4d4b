"""A chat as OpenAI's client sees it, and as the language model does."""

from collections.abc import Callable

import openai
import pytest
from django.db import OperationalError
from openai.types.chat import ChatCompletionMessageParam

from accounts.models import ApiKey
from chat.backends.choose import UnconfiguredBackend
from chat.backends.console import HEADING
from chat.limits import Admission
from chat.metrics import ChatCollector
from chat.tests import model_server
from chat.tests.conftest import SECRET, Client
from chat.tests.model_server import ModelServer
from personalities.models import Personality
from personalities.prompt import assemble
from tests.waiting import wait_until

HELLO: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hello?"}]},
]


def test_chat__whole__answer_in_the_personalitys_name(talk: openai.OpenAI) -> None:
    answer = talk.chat.completions.create(model="Elara", messages=HELLO)
    assert (answer.model, answer.object, answer.choices[0].message.content) == (
        "elara",
        "chat.completion",
        "Hello there.",
    )
    assert answer.usage
    assert answer.usage.total_tokens == 9


def test_chat__stream__pieces_in_order(talk: openai.OpenAI) -> None:
    events = list(talk.chat.completions.create(model="elara", messages=HELLO, stream=True))
    assert [event.choices[0].delta.content for event in events] == ["Hello ", "there.", None]
    assert {event.model for event in events} == {"elara"}
    assert events[-1].choices[0].finish_reason == "stop"


def test_chat__language_model__gets_our_prompt_first_and_the_parameters(
    talk: openai.OpenAI, model: ModelServer
) -> None:
    talk.chat.completions.create(
        model="elara", messages=HELLO, temperature=0.5, max_tokens=9, stop=["x"], seed=3, n=1, tools=[], user="u"
    )
    headers, body = model.requests[0]
    prompt = assemble(Personality.objects.get_config("elara")).text
    assert "{{7*7}}" in prompt
    assert body.pop("messages") == [{"role": "system", "content": prompt}, *HELLO]
    assert body == {"model": "big-model", "temperature": 0.5, "max_tokens": 9, "stop": ["x"], "seed": 3, "user": "u"}
    assert headers["authorization"] == f"Bearer {SECRET}"


def test_chat__edited__the_next_turn_is_with_the_new_prompt(talk: openai.OpenAI, model: ModelServer) -> None:
    talk.chat.completions.create(model="elara", messages=HELLO)
    Personality.objects.filter(personality_name="elara").update(backstory="Clocks.")
    talk.chat.completions.create(model="elara", messages=HELLO)
    assert "Clocks." in model.requests[1][1]["messages"][0]["content"]


def test_chat__answer_sent_back_as_it_came__accepted(talk: openai.OpenAI) -> None:
    answer = talk.chat.completions.create(model="elara", messages=HELLO).choices[0].message
    talk.chat.completions.create(model="elara", messages=[*HELLO, answer.model_dump()])  # type: ignore[list-item]


@pytest.mark.parametrize("stream", [False, True])
def test_chat__server_timing__each_part(talk: openai.OpenAI, stream: bool) -> None:
    answer = talk.chat.completions.with_raw_response.create(model="elara", messages=HELLO, stream=stream)
    said = answer.headers["server-timing"]
    assert [part.partition(";")[0] for part in said.split(", ")] == ["lookup", "prompt", "upstream", "total"]
    assert said.startswith('lookup;desc="database";dur=')
    *parts, total = [float(part.rpartition("dur=")[2]) for part in said.split(", ")]
    assert 0 <= min(parts) <= max(parts) <= total


def test_chat__postgresql_away__503_in_the_same_shape(
    client: Client, monkeypatch: pytest.MonkeyPatch, out_of_touch: Callable[[float], None]
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError

    talk = client()
    talk.models.retrieve("elara")
    out_of_touch(901)
    monkeypatch.setattr(ApiKey.objects, "verify", fail)
    with pytest.raises(openai.InternalServerError) as raised:
        talk.models.retrieve("elara")
    assert (raised.value.status_code, raised.value.code) == (503, "database_unavailable")


def test_metrics__answers_retries_and_cuts__counted(talk: openai.OpenAI, model: ModelServer) -> None:
    before = sampled()
    model.behaviour = model_server.in_sequence(
        model_server.status("503 Busy"), model_server.streaming(model_server.chunk("Hel"))
    )
    with pytest.raises(openai.APIError):
        list(talk.chat.completions.create(model="elara", messages=HELLO, stream=True))
    names = ("answers_total{/v1/chat/completions,200}", "cut_total{upstream_broken}", "retries_total{}")
    wait_until(lambda: sampled().get(names[0]) != before.get(names[0]))  # it is counted last
    after = sampled()
    assert [after[name] - before.get(name, 0) for name in names] == [1, 1, 1]
    assert after["streams{}"] == 0


def sampled() -> dict[str, float]:
    samples = [sample for family in ChatCollector().collect() for sample in family.samples]
    return {f"{s.name.removeprefix('companion_chat_')}{{{','.join(s.labels.values())}}}": s.value for s in samples}


def test_models__list__own_and_global_that_are_active(client: Client) -> None:
    assert [(model.id, model.owned_by) for model in client().models.list()] == [("elara", "companion"), ("mira", "you")]


def test_models__more_than_may_be_listed__the_first(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.catalogue.MAX_LISTED", 1)
    assert [model.id for model in client().models.list()] == ["elara"]


def test_models__own_of_a_global_ones_name__own(client: Client, model: ModelServer) -> None:
    own = Personality.objects.create(
        personality_name="elara", owner=Personality.objects.get(personality_name="mira").owner
    )
    talk = client()
    assert [model.owned_by for model in talk.models.list()] == ["you", "you"]
    assert talk.models.retrieve("elara").created == int(own.created_at.timestamp())


@pytest.mark.parametrize("name", ["nobody", "isla", "nora", "a:id", "x" * 1000])
def test_models__none_of_that_name_for_the_caller__404(client: Client, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client().chat.completions.create(model=name, messages=HELLO)
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize("text", ["x", "cpk_00000000_" + "x" * 43, "sk-123"])
def test_key__not_ours__401(client: Client, text: str) -> None:
    with pytest.raises(openai.AuthenticationError) as raised:
        client().with_options(api_key=text).models.list()
    assert raised.value.code == "invalid_api_key"


def test_key__revoked__401(client: Client) -> None:
    talk = client()
    talk.models.list()
    ApiKey.objects.get().revoke()
    with pytest.raises(openai.AuthenticationError):
        talk.models.list()


def test_limits__refused__429_with_retry_after_and_the_model_not_asked(
    client: Client, model: ModelServer, key: str
) -> None:
    seen = []

    async def admit(user_id: int, public: str) -> Admission:
        seen.append(public)
        return Admission(allowed=False, headers={"RateLimit-Limit": "30", "Retry-After": "3"})

    with pytest.raises(openai.RateLimitError) as raised:
        client(admit=admit).chat.completions.create(model="elara", messages=HELLO)
    said = raised.value.response.headers
    assert (raised.value.code, said["retry-after"], said["ratelimit-limit"]) == ("rate_limit_exceeded", "3", "30")
    assert seen == [key[4:12]]
    assert not model.requests


def test_console__asked__the_prompt_and_that_it_is_one(client: Client) -> None:
    talk = client()
    content = talk.chat.completions.create(model="elara", messages=HELLO).choices[0].message.content or ""
    prompt = assemble(Personality.objects.get_config("elara")).text
    assert "CHAT_BACKEND=console" in content
    assert f"[system]\n{prompt}\n\n[system]\nBe brief.\n\n[user]\nHello?" in content
    options: openai.types.chat.ChatCompletionStreamOptionsParam = {"include_usage": True}
    events = list(talk.chat.completions.create(model="elara", messages=HELLO, stream=True, stream_options=options))
    assert "".join(event.choices[0].delta.content or "" for event in events[:-1]) == content
    assert events[-1].usage


def test_console__talks_on__earlier_answers_in_short(client: Client) -> None:
    talk, messages = client(), list(HELLO)
    for _ in range(10):
        answer = talk.chat.completions.create(model="elara", messages=messages).choices[0].message.content or ""
        messages += [{"role": "assistant", "content": answer}, *HELLO]
    assert answer.count("Bridges.") == 1
    assert answer.count(f"[assistant]\n{HEADING} ...\n") == 9


def test_unconfigured__asked__503_that_says_what_to_set(client: Client) -> None:
    for stream in (True, False):
        with pytest.raises(openai.InternalServerError, match="LLM_BASE_URL") as raised:
            client(UnconfiguredBackend()).chat.completions.create(model="elara", messages=HELLO, stream=stream)
        assert (raised.value.status_code, raised.value.code) == (503, "upstream_not_configured")
