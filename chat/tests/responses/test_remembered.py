"""Answers outside of a conversation are remembered for a day, for references to items as the AI SDK sends them."""

import json
from typing import Any
from uuid import uuid4

import openai
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User

from accounts.models import ApiKey
from chat.responses import stored_items
from chat.tests import model_server
from chat.tests.model_server import ModelServer
from chat.tests.responses.test_create import CALL, TOOL, answering
from conversations.models import MAX_BYTES

DAY = 24 * 3600


def ask(talk: openai.OpenAI, said: Any, stream: bool = False, **given: Any) -> Any:
    answer: Any = talk.responses.create(model="elara", input=said, stream=stream, **given)
    return list(answer)[-1].response if stream else answer


def references(response: Any) -> list[Any]:
    return [{"type": "item_reference", "id": item.id} for item in response.output]


def heard(model: ModelServer) -> list[dict[str, Any]]:
    return list(model.requests[-1][1]["messages"][1:])


def remembered(redis: Any) -> list[bytes]:
    return list(redis.scan_iter(f"{django_settings.REDIS_KEY_PREFIX}response:*:msg_*"))


def refused(talk: openai.OpenAI, said: list[Any]) -> openai.NotFoundError:
    with pytest.raises(openai.NotFoundError) as raised:
        ask(talk, said)
    assert (raised.value.code, raised.value.param) == ("item_not_found", "input[0]")
    return raised.value


@pytest.mark.parametrize("stream", [False, True])
def test_remembered__referred_to__the_model_hears_it(
    talk: openai.OpenAI, model: ModelServer, redis: Any, stream: bool
) -> None:
    first = ask(talk, "One.", stream)
    assert first.store is True
    user = {"role": "user", "content": "One."}
    ask(talk, [user, *references(first), {**user, "content": "Two."}], stream)
    assert heard(model) == [user, {"role": "assistant", "content": first.output_text}, {**user, "content": "Two."}]
    times = [redis.ttl(key) for key in remembered(redis)]
    assert len(times) == 2
    assert all(DAY - 60 < seconds <= DAY for seconds in times)


@pytest.mark.parametrize("stream", [False, True])
def test_remembered__text_and_calls__both(talk: openai.OpenAI, model: ModelServer, stream: bool) -> None:
    model.behaviour = model_server.in_sequence(
        answering({"content": "Let me see.", "tool_calls": [CALL]}, "tool_calls"), answering({"content": "Three."})
    )
    first = ask(talk, "1 + 2?", stream, tools=[TOOL])
    returned = {"type": "function_call_output", "call_id": "call_1", "output": "3"}
    ask(talk, [{"role": "user", "content": "1 + 2?"}, *references(first), returned], stream, tools=[TOOL])
    _, call, result = heard(model)
    assert (call["content"], call["tool_calls"][0]["function"]["arguments"]) == ("Let me see.", '{"a":1}')
    assert (result["role"], result["content"]) == ("tool", "3")


def test_remembered__several_choices_with_the_end__the_first(talk: openai.OpenAI, model: ModelServer) -> None:
    choices = [
        {"index": index, "delta": {"content": text}, "finish_reason": "stop"}
        for index, text in enumerate(("Hello.", "Go away."))
    ]
    model.behaviour = model_server.streaming(
        b"data: %s\n\ndata: [DONE]\n\n" % json.dumps({"choices": choices}).encode()
    )
    assert ask(talk, "One.", stream=True).output_text == "Hello."


def test_remembered__by_another_user__not_found(talk: openai.OpenAI) -> None:
    first = ask(talk, "One.")
    other = talk.with_options(api_key=ApiKey.objects.issue(User.objects.get(username="otto"))[1])
    assert "store: false" in str(refused(other, references(first)))
    ask(talk, references(first))


@pytest.mark.parametrize("stream", [False, True])
def test_remembered__not_to_be_stored__not_found(talk: openai.OpenAI, redis: Any, stream: bool) -> None:
    first = ask(talk, "One.", stream, store=False)
    assert first.store is False
    assert list(redis.scan_iter(f"{django_settings.REDIS_KEY_PREFIX}response*")) == []
    refused(talk, references(first))


@pytest.mark.parametrize("stream", [False, True])
def test_remembered__without_redis__answered_and_not_found(talk: openai.OpenAI, settings: Any, stream: bool) -> None:
    settings.REDIS_ENABLED, settings.CACHES = False, {"default": django_settings.NO_CACHE}
    first = ask(talk, "One.", stream)
    assert first.output_text == "Hello there."
    refused(talk, references(first))


def test_remembered__longer_than_a_message_may_be__not_found(
    talk: openai.OpenAI, model: ModelServer, redis: Any
) -> None:
    ask(talk, "Zero.")
    model.behaviour = answering({"content": "x" * MAX_BYTES})
    first = ask(talk, "One.")
    assert len(remembered(redis)) == 1
    refused(talk, references(first))


@pytest.mark.parametrize("count", [9, 1001])
def test_remembered__referred_to_more_than_fits__refused(talk: openai.OpenAI, model: ModelServer, count: int) -> None:
    """Each of many references to one long answer would be as long as that."""
    model.behaviour = answering({"content": "x" * (MAX_BYTES - 1000 if count < 1000 else 1)})
    first = ask(talk, "One.")
    with pytest.raises(openai.BadRequestError) as raised:
        ask(talk, references(first) * count)
    assert raised.value.param == "input"


def test_remembered__foreign_value_or_strange_id__not_found(talk: openai.OpenAI, redis: Any) -> None:
    first = ask(talk, "One.")
    redis.set(remembered(redis)[0], b'{"type":"reasoning"}')
    refused(talk, references(first))
    refused(talk, [{"type": "item_reference", "id": "*"}])


def test_remembered__more_than_a_user_may_have__the_oldest_go(
    talk: openai.OpenAI, model: ModelServer, redis: Any, settings: Any
) -> None:
    other = talk.with_options(api_key=ApiKey.objects.issue(User.objects.get(username="otto"))[1])
    of_other = ask(other, "Zero.")
    settings.RESPONSES_REMEMBERED_MIB = 1
    model.behaviour = answering({"content": "x" * 100_000})
    first, *_, oldest_left, newest = [ask(talk, "One.", max_output_tokens=9) for _ in range(12)]
    assert len([key for key in remembered(redis) if redis.strlen(key) > 100_000]) == 11
    refused(talk, references(first))
    ask(talk, [*references(oldest_left), *references(newest)])
    ask(other, references(of_other))


def test_remembered__nothing_is_to_be__nothing_is_left(talk: openai.OpenAI, redis: Any, settings: Any) -> None:
    settings.RESPONSES_REMEMBERED_MIB = 0
    refused(talk, references(ask(talk, "One.")))
    assert list(redis.scan_iter(f"{django_settings.REDIS_KEY_PREFIX}response*")) == []


def test_remembered__thousands_of_short_ones__no_more_memory_than_that(redis: Any, settings: Any) -> None:
    """What Redis takes for a key is more than what most items say."""
    settings.RESPONSES_REMEMBERED_MIB = 1
    for answer in range(100):
        stored_items.store(7, [{"id": f"msg_{uuid4().hex}_{answer}_{item}"} for item in range(50)])
    keys = list(redis.scan_iter(f"{django_settings.REDIS_KEY_PREFIX}response*"))
    assert 1000 < len(keys) < 2000
    assert all(DAY - 60 < redis.ttl(key) <= DAY for key in keys)
    assert sum(redis.memory_usage(key, samples=0) for key in keys) < 2**20
