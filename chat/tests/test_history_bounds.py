"""What a language model is sent of a long conversation: whole turns, the newest, no more than one request may bring."""

from typing import Any

import msgspec
import pytest

from chat.history import MAX_HISTORY_BYTES
from chat.tests.bodies import CALL
from chat.tests.conftest import Say
from chat.tests.model_server import ModelServer
from conversations import turns
from conversations.models import MAX_BYTES, Conversation, Role
from conversations.turns import Draft

CALLED = Draft(Role.ASSISTANT, "", [CALL])


def exchanges(text: str, count: int) -> list[Draft]:
    return [Draft(role, text) for _ in range(count) for role in (Role.USER, Role.ASSISTANT)]


def result(text: str) -> Draft:
    return Draft(Role.TOOL, text, tool_call_id=str(CALL["id"]))


def history(model: ModelServer) -> list[dict[str, Any]]:
    """What was sent between the prompt and the new message."""
    return list(model.requests[0][1]["messages"][1:-1])


@pytest.mark.parametrize(
    ("text", "kept"), [("\x01" * MAX_BYTES, 0), ("\x01" * (MAX_BYTES // 4), 4), ("x" * (MAX_BYTES - 100), 8)]
)
def test_turn__messages_that_are_long_as_json__the_newest_turns_are_sent(
    say: Say, model: ModelServer, conversation: Conversation, text: str, kept: int
) -> None:
    turns.append(conversation, exchanges(text, 10))
    say("One.")
    assert [message["role"] for message in history(model)] == ["user", "assistant"] * (kept // 2)
    assert len(msgspec.json.encode(history(model))) <= MAX_HISTORY_BYTES


def test_turn__long_messages_within_the_bound__all_are_sent(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    turns.append(conversation, exchanges("x" * (MAX_HISTORY_BYTES // 20 - 100), 10))
    say("One.")
    assert len(history(model)) == 20


@pytest.mark.parametrize("count", [4, 15])
def test_turn__too_much_since_the_last_question__the_newest_results_are_sent(
    say: Say, model: ModelServer, conversation: Conversation, count: int
) -> None:
    """Each result with its call; of the oldest that still fits, the call does not."""
    called = [draft for _ in range(count) for draft in (CALLED, result("\x01" * (MAX_BYTES // 2)))]
    turns.append(conversation, [Draft(Role.USER, "Go on."), *called])
    say("One.")
    assert [message["role"] for message in history(model)] == ["assistant", "tool"] * 2
    assert len(msgspec.json.encode(history(model))) <= MAX_HISTORY_BYTES


def test_turn__many_calls_since_the_last_question__sent_from_it_on(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    called = [draft for _ in range(15) for draft in (CALLED, result("x" * 10_000))]
    turns.append(conversation, [*exchanges("Hi.", 3), Draft(Role.USER, "Go on."), *called])
    say("One.")
    assert [message["role"] for message in history(model)] == ["user", *["assistant", "tool"] * 15]
