"""Responses outside of conversations go on from one another, as agents and SDKs do by default."""

from typing import Any

import openai
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User

from accounts.models import ApiKey
from chat.tests import model_server
from chat.tests.model_server import ModelServer
from chat.tests.responses.test_create import CALL, TOOL, answering
from chat.tests.responses.test_remembered import ask, heard, remembered
from conversations import pinning
from conversations.models import MAX_BYTES
from personalities.models import Personality

DAY = 24 * 3600
ANSWER = {"role": "assistant", "content": "Hello there."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def records(redis: Any) -> list[bytes]:
    return list(redis.scan_iter(f"{django_settings.REDIS_KEY_PREFIX}response:*:resp_*"))


def refused(talk: openai.OpenAI, id: str, **given: Any) -> openai.NotFoundError:
    with pytest.raises(openai.NotFoundError) as raised:
        ask(talk, "Two.", previous_response_id=id, **given)
    assert (raised.value.code, raised.value.param) == ("previous_response_not_found", "previous_response_id")
    return raised.value


@pytest.mark.parametrize("stream", [False, True])
def test_continued__thrice__the_model_hears_all_but_instructions(
    talk: openai.OpenAI, model: ModelServer, stream: bool
) -> None:
    first = ask(talk, "One.", stream, instructions="Be brief.")
    second = ask(talk, [user("Two.")], stream, previous_response_id=first.id)
    third = ask(talk, "Three.", stream, previous_response_id=second.id)
    assert (third.previous_response_id, third.conversation) == (second.id, None)
    assert heard(model) == [user("One."), ANSWER, user("Two."), ANSWER, user("Three.")]


def test_continued__twice_from_the_same__each_hears_its_own(talk: openai.OpenAI, model: ModelServer) -> None:
    first = ask(talk, "One.")
    ask(talk, "Two.", previous_response_id=first.id)
    ask(talk, "Or two?", previous_response_id=first.id)
    assert heard(model) == [user("One."), ANSWER, user("Or two?")]


@pytest.mark.parametrize("stream", [False, True])
def test_continued__from_a_call__with_what_it_returned(talk: openai.OpenAI, model: ModelServer, stream: bool) -> None:
    model.behaviour = model_server.in_sequence(
        answering({"content": None, "tool_calls": [CALL]}, "tool_calls"), answering({"content": "Three."})
    )
    first = ask(talk, "1 + 2?", stream, tools=[TOOL])
    returned = {"type": "function_call_output", "call_id": "call_1", "output": "3"}
    assert ask(talk, [returned], stream, tools=[TOOL], previous_response_id=first.id).output_text == "Three."
    assert [message["role"] for message in heard(model)] == ["user", "assistant", "tool"]


def test_continued__from_references__what_they_name_is_heard(talk: openai.OpenAI, model: ModelServer) -> None:
    first = ask(talk, "One.")
    second = ask(talk, [user("One."), {"type": "item_reference", "id": first.output[0].id}, user("Two.")])
    ask(talk, "Three.", previous_response_id=second.id)
    assert heard(model) == [user("One."), ANSWER, user("Two."), ANSWER, user("Three.")]


def test_continued__remembered_for_a_day_after_the_last(talk: openai.OpenAI, redis: Any) -> None:
    first = ask(talk, "One.")
    for key in (*records(redis), *remembered(redis)):
        redis.expire(key, 60)
    ask(talk, "Two.", previous_response_id=first.id)
    times = [redis.ttl(key) for key in (*records(redis), *remembered(redis))]
    assert len(times) == 4
    assert all(DAY - 60 < seconds <= DAY for seconds in times)


def test_continued__by_another_user__not_found(talk: openai.OpenAI) -> None:
    first = ask(talk, "One.")
    other = talk.with_options(api_key=ApiKey.objects.issue(User.objects.get(username="otto"))[1])
    assert "a day" in str(refused(other, first.id))


@pytest.mark.parametrize("stream", [False, True])
def test_continued__not_to_be_stored__not_found(talk: openai.OpenAI, redis: Any, stream: bool) -> None:
    refused(talk, ask(talk, "One.", stream, store=False).id)
    assert records(redis) == []


def test_continued__an_earlier_one_is_gone__not_found(talk: openai.OpenAI, redis: Any) -> None:
    for found in (records, remembered):
        first = ask(talk, "One.")
        gone = found(redis)
        second = ask(talk, "Two.", previous_response_id=first.id)
        redis.delete(*gone)
        refused(talk, second.id)


def test_continued__foreign_value_or_strange_id__not_found(talk: openai.OpenAI, redis: Any) -> None:
    first = ask(talk, "One.")
    redis.set(records(redis)[0], b'{"items":[{"type":"strange"}]}')
    for id in (first.id, first.output[0].id, "*"):
        refused(talk, id)


def test_continued__without_redis__not_found(talk: openai.OpenAI, settings: Any) -> None:
    settings.REDIS_ENABLED, settings.CACHES = False, {"default": django_settings.NO_CACHE}
    refused(talk, ask(talk, "One.").id)


def test_continued__in_a_conversation_that_it_is_not_of__not_found(talk: openai.OpenAI) -> None:
    conversation = pinning.start(User.objects.get(username="ursula"), Personality.objects.get_config("elara"))
    refused(talk, ask(talk, "One.").id, conversation=str(conversation.pk))


def test_continued__longer_than_a_message_may_be__not_found(talk: openai.OpenAI) -> None:
    refused(talk, ask(talk, "x" * MAX_BYTES).id)


def test_continued__longer_than_a_request_may_be__refused(talk: openai.OpenAI) -> None:
    previous: str | None = None
    for _ in range(9):
        previous = ask(talk, "x" * (MAX_BYTES - 1000), previous_response_id=previous).id
    with pytest.raises(openai.BadRequestError) as raised:
        ask(talk, "Hm.", previous_response_id=previous)
    assert raised.value.param == "previous_response_id"
