"""Calls of tools, their results, and images, as the API shows them."""

import json

import pytest
from rest_framework.test import APIClient

from conversations import turns
from conversations.models import MAX_PARTS_BYTES, Conversation, Role
from conversations.tests.transcripts import CALLS, USED, shown
from conversations.turns import Draft

pytestmark = pytest.mark.django_db(transaction=True)


def test_api__calls_results_and_parts__listed_and_exported(
    owner: APIClient, address: str, conversation: Conversation
) -> None:
    turns.append(conversation, [*USED, shown()])
    listed = owner.get(f"{address}messages/").json()["results"]
    exported = json.loads(owner.get(f"{address}export/").getvalue())["messages"]
    assert listed == exported
    fields = ("role", "content", "tool_calls", "tool_call_id", "parts")
    assert [tuple(message[field] for field in fields) for message in listed] == [
        ("user", "Rain?", None, None, None),
        ("assistant", "", CALLS, None, None),
        ("tool", "Yes.", None, "call_1", None),
        ("user", "Look:", None, None, shown().parts),
    ]


def test_api__a_message_added__shows_what_it_does_not_have_as_null(owner: APIClient, address: str) -> None:
    made = owner.post(f"{address}messages/", {"content": "Hello."}).json()
    assert [made["tool_calls"], made["tool_call_id"], made["parts"]] == [None, None, None]
    assert owner.get(f"{address}messages/").json()["results"] == [made]
    refused = owner.post(f"{address}messages/", {"content": "", "role": "assistant", "tool_calls": CALLS})
    assert (refused.status_code, "tool_calls" in refused.json()["errors"]) == (400, True)


def test_api__large_images__each_page_and_batch_bounded(
    owner: APIClient, address: str, conversation: Conversation
) -> None:
    for _ in range(3):
        turns.append(conversation, [shown(MAX_PARTS_BYTES - 200), Draft(Role.ASSISTANT, "Nice.")])
    next_page, pages = f"{address}messages/?page_size=200", []
    while next_page:
        answer = owner.get(next_page)
        assert len(answer.content) < MAX_PARTS_BYTES + 20_000
        pages.append(answer.json())
        next_page = pages[-1]["next"]
    assert [message["position"] for page in pages for message in page["results"]] == [1, 2, 3, 4, 5, 6]
    exported = json.loads(owner.get(f"{address}export/").getvalue())["messages"]
    assert [message["position"] for message in exported] == [1, 2, 3, 4, 5, 6]
