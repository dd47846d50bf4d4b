"""Calls of tools and images in a stored conversation: kept as they are, sent as models require them, and once."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from chat.history import LEFT_OUT, NO_RESULT
from chat.tests import model_server
from chat.tests.bodies import CALL, PNG, RESULT, TOOL
from chat.tests.conftest import Say
from chat.tests.model_server import ModelServer
from conversations import turns
from conversations.models import MAX_PARTS_BYTES, Conversation, Role
from conversations.turns import Draft
from tests.waiting import wait_until

ASKED = Draft(Role.USER, "How late is it?")
CALLS = [CALL, {**CALL, "id": "c2"}]
CALLED = Draft(Role.ASSISTANT, "", [CALL])
ANSWER = Draft(Role.ASSISTANT, "Hello there.")
ECHO: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [{**CALL, "index": 0}]}
QUESTION = {"role": "user", "content": ASKED.content}
IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": PNG}}


def drafts_of(conversation: Conversation) -> list[Draft]:
    """Without the prompts that they were given with, and how they ended."""
    rows = conversation.messages.order_by("position")
    return [Draft.of(message)._replace(prompt_sha256="", finish_reason="") for message in rows]


def sent(model: ModelServer) -> list[dict[str, Any]]:
    """What the language model was sent last, without our prompt."""
    messages: list[dict[str, Any]] = model.requests[-1][1]["messages"][1:]
    return messages


LOOPS: dict[str, list[dict[str, Any]]] = {
    "results alone": [RESULT],
    "with the answer that called": [ECHO, RESULT],
    "with the question too": [QUESTION, ECHO, RESULT],
    "with instructions first": [{"role": "system", "content": "Be brief."}, QUESTION, ECHO, RESULT],
    "with instructions before the results": [{"role": "system", "content": "Be brief."}, RESULT],
    "arguments written anew": [
        {**ECHO, "tool_calls": [{**CALL, "function": {"name": "now", "arguments": "{ }"}}]},
        RESULT,
    ],
}


@pytest.mark.parametrize("loop", LOOPS)
def test_turn__results_of_tools__stored_once_and_sent_behind_their_calls(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
    loop: str,
) -> None:
    turns.append(conversation, [ASKED, CALLED])
    say("", messages=LOOPS[loop], tools=[TOOL])
    instructions = [message for message in LOOPS[loop] if message["role"] == "system"]
    history = [QUESTION, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT]
    assert sent(model) == [*instructions, *history]
    assert model.requests[-1][1]["tools"] == [TOOL]
    assert drafts_of(conversation) == [ASKED, CALLED, Draft(Role.TOOL, "2", None, "c1"), ANSWER]


def test_turn__an_agent_that_calls_and_answers__each_step_kept_once(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    calling = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
    }
    called = model_server.status("200 OK", json.dumps(calling).encode())
    model.behaviour = model_server.in_sequence(called, model_server.answer)
    first, again = (say(ASKED.content, "turn-1", tools=[TOOL]).choices[0].message for _ in "ab")
    assert first.tool_calls == again.tool_calls
    say("", "turn-2", messages=[QUESTION, first.model_dump(), RESULT], tools=[TOOL])
    assert sent(model) == [QUESTION, message, RESULT]
    assert drafts_of(conversation) == [ASKED, CALLED, Draft(Role.TOOL, "2", None, "c1"), ANSWER]
    assert len(model.requests) == 2


def test_turn__results_sent_again_with_their_key__the_same_answer_and_nobody_asked(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
) -> None:
    turns.append(conversation, [ASKED, CALLED])
    answers = [say("", "turn-1", messages=[ECHO, RESULT]) for _ in "ab"]
    assert [answer.choices[0].message.content for answer in answers] == ["Hello there."] * 2
    assert (len(model.requests), len(drafts_of(conversation))) == (1, 4)


def test_turn__steps_of_a_loop__all_sent_along(say: Say, model: ModelServer, conversation: Conversation) -> None:
    second = {**CALL, "id": "c2"}
    stored = [ASKED, CALLED, Draft(Role.TOOL, "2", None, "c1"), Draft(Role.ASSISTANT, "Hm.", [second])]
    turns.append(conversation, [Draft(Role.USER, "Hi."), Draft(Role.ASSISTANT, "Yes?"), *stored])
    steps = [QUESTION, ECHO, RESULT, {"role": "assistant", "content": "Hm.", "tool_calls": [second]}]
    say("", messages=[*steps, {**RESULT, "tool_call_id": "c2"}])
    assert [message.get("tool_call_id") for message in sent(model)] == [None] * 4 + ["c1", None, "c2"]
    assert conversation.messages.count() == 8


@pytest.mark.parametrize(
    "messages",
    [
        [{**RESULT, "tool_call_id": "c9"}],
        [RESULT, RESULT],
        [{"role": "user", "content": "Well?"}, RESULT],
        [{**ECHO, "tool_calls": [{**CALL, "id": "c9"}]}, RESULT],
        [{"role": "user", "content": "Another."}, ECHO, RESULT],
        [QUESTION, QUESTION, ECHO, RESULT],
        [{"role": "assistant", "content": "Hm."}, RESULT],
        [{"role": "function", "name": "now", "content": "2"}],
    ],
)
def test_turn__results_that_do_not_fit__400_and_nothing_is_stored(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
    messages: Any,
) -> None:
    turns.append(conversation, [ASKED, CALLED])
    with pytest.raises(openai.BadRequestError) as raised:
        say("", messages=messages)
    assert raised.value.param == "messages"
    assert (len(model.requests), len(drafts_of(conversation))) == (0, 2)


def test_turn__some_results_are_missing__400_names_their_calls(say: Say, conversation: Conversation) -> None:
    turns.append(conversation, [ASKED, Draft(Role.ASSISTANT, "", CALLS)])
    with pytest.raises(openai.BadRequestError, match="c2"):
        say("", messages=[RESULT])
    say("", messages=[RESULT, {**RESULT, "tool_call_id": "c2"}, {"role": "user", "content": "Well?"}])
    assert [draft.role for draft in drafts_of(conversation)][2:] == ["tool", "tool", "user", "assistant"]


def test_turn__the_user_goes_on_without_results__the_calls_get_one_that_says_so(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
) -> None:
    turns.append(conversation, [ASKED, Draft(Role.ASSISTANT, "", CALLS), Draft(Role.TOOL, "2", None, "c1")])
    say("Never mind.")
    results = [(message["tool_call_id"], message["content"]) for message in sent(model) if message["role"] == "tool"]
    assert results == [("c1", "2"), ("c2", NO_RESULT)]
    assert sent(model)[-1] == {"role": "user", "content": "Never mind."}


def test_turn__reasoning_sent_along_with_a_call__passed_on_if_the_operator_lets_it(
    say: Say, model: ModelServer, conversation: Conversation, settings: Any
) -> None:
    loop = [QUESTION, {**ECHO, "reasoning_content": "Hm."}, RESULT]
    turns.append(conversation, [Draft(Role.USER, "Hi."), ANSWER, ASKED, CALLED])
    say("", messages=loop)
    assert "reasoning_content" not in json.dumps(model.requests[-1][1])
    turns.append(conversation, [ASKED, CALLED])
    settings.LLM_EXTRA_PARAMETERS = ["reasoning_content"]
    say("", messages=loop)
    assert [message.get("reasoning_content") for message in sent(model)][-3:] == [None, "Hm.", None]


def test_turn__results_sent_twice_at_the_same_time__those_that_are_stored_first_count(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    turns.append(conversation, [ASKED, CALLED])
    model.behaviour = model_server.answer_each_differently
    with ThreadPoolExecutor() as pool:
        told = [pool.submit(say, "", messages=[RESULT]) for _ in "ab"]
        wait_until(lambda: model.counts["waiting"] == 2)
        model.release_all()
        errors = [each.exception() for each in told]
    [error] = filter(None, errors)
    assert isinstance(error, openai.ConflictError)
    assert error.code == "conversation_moved_on"
    assert [draft.role for draft in drafts_of(conversation)] == ["user", "assistant", "tool", "assistant"]


def test_turn__instructions_between_results__behind_all_of_them(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    turns.append(conversation, [ASKED, Draft(Role.ASSISTANT, "", CALLS)])
    brief, other = {"role": "system", "content": "Be brief."}, {**RESULT, "tool_call_id": "c2", "content": "3"}
    say("", messages=[RESULT, brief, other])
    assert sent(model)[2:] == [RESULT, other, brief]


@pytest.mark.parametrize("arguments", ['{"city": "Par', "", "[1]", "Paris"])
def test_turn__arguments_that_nobody_can_read__kept_as_they_came_and_sent_as_none(
    say: Say, model: ModelServer, conversation: Conversation, arguments: str
) -> None:
    """As `max_tokens` cuts them off: some servers refuse a talk with such a call for ever."""
    call = {**CALL, "function": {"name": "now", "arguments": arguments}}
    turns.append(conversation, [ASKED, Draft(Role.ASSISTANT, "", [call])])
    say("Never mind.")
    [called] = sent(model)[1]["tool_calls"]
    assert called == {**CALL, "function": {"name": "now", "arguments": "{}"}}
    assert drafts_of(conversation)[1].tool_calls == [call]


def test_turn__result_of_no_call_in_the_history__left_out(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
) -> None:
    turns.append(conversation, [ASKED, Draft(Role.TOOL, "2", None, "c1"), ANSWER])
    say("Well?")
    assert [message["role"] for message in sent(model)] == ["user", "assistant", "user"]


def with_steps(conversation: Conversation, *texts: str) -> list[str]:
    """Appends a talk, a question, calls with these texts and their results, and a last call. Returns all ids."""
    calls: list[dict[str, Any]] = [{**CALL, "id": f"s{step}"} for step in range(len(texts))]
    steps = [
        (Draft(Role.ASSISTANT, text, [call]), Draft(Role.TOOL, "2", None, call["id"]))
        for text, call in zip(texts, calls, strict=True)
    ]
    before = [Draft(Role.USER, "Hi."), Draft(Role.ASSISTANT, "Yes?"), ASKED]
    turns.append(conversation, [*before, *(draft for step in steps for draft in step), CALLED])
    return [*(call["id"] for call in calls), "c1"]


def calls_and_results(messages: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """The ids of all calls, and those of all results."""
    calls = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    return calls, [message["tool_call_id"] for message in messages if message["role"] == "tool"]


@pytest.mark.parametrize("steps", [1, 8, 9, 10, 30, 100])
def test_turn__many_steps_since_the_question__sent_from_it_on(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
    steps: int,
) -> None:
    made = with_steps(conversation, *[""] * steps)
    say("", messages=[RESULT])
    assert sent(model)[0]["role"] == "user"
    assert calls_and_results(sent(model)) == (made, made)


@pytest.mark.parametrize("texts", [[""] * 120, ["x" * 100_000] * 36])
def test_turn__question_too_long_ago__the_recent_steps_without_half_a_step(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
    texts: list[str],
) -> None:
    made = with_steps(conversation, *texts)
    say("", messages=[RESULT])
    calls, results = calls_and_results(sent(model))
    assert calls == results == made[-len(calls) :]
    assert 9 <= len(calls) <= 11


@pytest.mark.parametrize(
    "named", [{"n": 2}, {"functions": [TOOL["function"]]}, {"audio": {"voice": "a", "format": "wav"}}]
)
def test_turn__what_cannot_be_kept__400_names_the_parameter(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
    named: dict[str, Any],
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        say("One.", **named)
    assert ([raised.value.param], len(model.requests)) == ([*named], 0)


def test_turn__an_image__kept_and_sent_again_as_long_as_it_is_allowed(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
    settings: Any,
) -> None:
    content: list[dict[str, Any]] = [{"type": "text", "text": "Look:"}, IMAGE]
    say("", messages=[{"role": "user", "content": content}])
    assert drafts_of(conversation)[0] == Draft(Role.USER, "Look:", parts=content)
    say("And now?")
    assert sent(model)[0] == {"role": "user", "content": content}
    settings.LLM_CONTENT_PARTS = ["text"]
    say("And now?")
    assert sent(model)[0] == {"role": "user", "content": f"Look:\n{LEFT_OUT}"}


def test_turn__texts_in_parts__kept_as_one_text(say: Say, model: ModelServer, conversation: Conversation) -> None:
    parts = [{"type": "text", "text": "One."}, {"type": "text", "text": " Two."}]
    say("", messages=[{"role": "user", "content": parts}])
    assert sent(model) == [{"role": "user", "content": parts}]
    assert drafts_of(conversation)[0] == Draft(Role.USER, "One. Two.")


def test_turn__many_large_images__the_newest_are_sent_again(
    say: Say,
    model: ModelServer,
    conversation: Conversation,
) -> None:
    image = {"type": "image_url", "image_url": {"url": PNG + "A" * (MAX_PARTS_BYTES // 2 - 200)}}
    for _ in range(5):
        turns.append(conversation, [Draft(Role.USER, "", parts=[image]), ANSWER])
    say("And now?")
    shown = [message["content"] for message in sent(model) if message["role"] == "user"]
    assert shown == [LEFT_OUT, LEFT_OUT, LEFT_OUT, [image], [image], "And now?"]
