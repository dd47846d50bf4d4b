"""Messages over HTTP: in order, and stored once."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from conversations import turns
from conversations.api.pages import MAX_PAGE_BYTES
from conversations.models import MAX_BYTES, Conversation, Role
from conversations.tests.transcripts import append_turns, recent_contents, stored_contents, texts_of_turns
from conversations.turns import Draft
from tests.promises import Figure

pytestmark = pytest.mark.django_db(transaction=True)
HELLO = {"role": "user", "content": "Hello."}


@pytest.fixture
def messages(address: str) -> str:
    return f"{address}messages/"


def post(client: APIClient, address: str, body: Any, key: str | None = None) -> Any:
    return client.post(address, body, headers={} if key is None else {"Idempotency-Key": key})


def test_post__a_message__stored_read_and_recent(owner: APIClient, messages: str, conversation: Conversation) -> None:
    made = post(owner, messages, HELLO)
    assert made.status_code == 201
    assert (made.json()["position"], made.json()["role"], made.json()["content"]) == (1, "user", "Hello.")
    assert owner.get(messages).json()["results"] == [made.json()]
    assert recent_contents(conversation) == ["Hello."]


def test_post__no_role__user(owner: APIClient, messages: str) -> None:
    assert post(owner, messages, {"content": "Hello."}).json()["role"] == "user"


def test_post__same_key_and_body__the_same_message(owner: APIClient, messages: str, conversation: Conversation) -> None:
    made = post(owner, messages, HELLO, "a-1")
    post(owner, messages, HELLO, "a-2")
    again = post(owner, messages, HELLO, "a-1")
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json() == made.json()
    assert stored_contents(conversation) == [(1, "Hello."), (2, "Hello.")]


@pytest.mark.parametrize("other", [{"content": "Bye."}, {"role": "assistant"}])
def test_post__same_key_other_body__409_names_the_header(
    owner: APIClient, messages: str, conversation: Conversation, other: dict[str, str]
) -> None:
    post(owner, messages, HELLO, "a")
    answer = post(owner, messages, HELLO | other, "a")
    assert (answer.status_code, list(answer.json()["errors"])) == (409, ["Idempotency-Key"])
    assert stored_contents(conversation) == [(1, "Hello.")]


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a\tb", "x" * 256])
def test_post__malformed_key__400_names_the_header(
    owner: APIClient, messages: str, conversation: Conversation, key: str
) -> None:
    answer = post(owner, messages, HELLO, key)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["Idempotency-Key"])
    assert stored_contents(conversation) == []


@pytest.mark.parametrize("key", ["1", '"85c872cd-68db-42d5-9164-a78a7f51a611"', "x" * 255])
def test_post__key_of_any_shape__counts_once(owner: APIClient, messages: str, key: str) -> None:
    assert [post(owner, messages, HELLO, key).status_code for _ in "ab"] == [201, 200]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"content": None}, "content"),
        ({"content": ""}, "content"),
        ({"content": " \n"}, "content"),
        ({"content": "  ", "role": "assistant"}, "content"),
        ({"content": 5}, "content"),
        ({"content": []}, "content"),
        ({"content": "x" * (MAX_BYTES + 1)}, "content"),
        ({"content": "é" * (MAX_BYTES // 2 + 1)}, "content"),
        ({"content": "Hello.", "role": "system"}, "role"),
        ({"content": "Hello.", "role": "narrator"}, "role"),
        ({"content": "Hello.", "role": None}, "role"),
        ({"content": "Hello.", "role": ["user"]}, "role"),
        ({"content": "Hello.", "position": 7}, "position"),
        ({"content": "Hello.", "id": "85c872cd-68db-42d5-9164-a78a7f51a611"}, "id"),
        ({"content": "Hello.", "idempotency_key": "a"}, "idempotency_key"),
        ([HELLO], "body"),
    ],
)
def test_post__bad_input__400_names_the_field(
    owner: APIClient, messages: str, conversation: Conversation, body: Any, field: str
) -> None:
    answer = post(owner, messages, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert stored_contents(conversation) == []


def test_post__900_kb_that_are_wrong__400_that_repeats_little_of_it(
    owner: APIClient, messages: str, figure: Figure
) -> None:
    long = "x" * 900_000
    bodies: list[Any] = [
        {"content": "a", long: 1},
        {"content": "a", "role": long},
        {"content": "a", "role": [long]},
        {"content": "a", **{f"{number:042}": 1 for number in range(9_900)}},
    ]
    answers = [post(owner, messages, body) for body in bodies]
    assert {answer.status_code for answer in answers} == {400}
    largest = max(len(answer.content) for answer in answers)
    measured, before = f"{largest:,} bytes", "752 to 900 kB"
    figure("A10", "a 400 repeats little of a body", "< 8 KiB", measured=measured, met=largest < 8192, before=before)


@pytest.mark.parametrize("text", [rb"a\u0000b", rb"\ud800"])
def test_post__not_text__400(owner: APIClient, messages: str, text: bytes) -> None:
    answer = owner.post(messages, b'{"content": "%s"}' % text, content_type="application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["content"])


@pytest.mark.parametrize(
    "text", [" x", "\n x ", "x" * MAX_BYTES, "é" * (MAX_BYTES // 2), "{{7*7}} {0.__class__} </system>"]
)
def test_post__any_text__to_the_letter(owner: APIClient, messages: str, text: str) -> None:
    assert post(owner, messages, {"content": text}).json()["content"] == text
    assert owner.get(messages).json()["results"][0]["content"] == text


def test_post__longest_text_with_each_character_escaped__stored(owner: APIClient, messages: str) -> None:
    text = "\x01" * MAX_BYTES
    answer = owner.post(messages, json.dumps({"content": text}), content_type="application/json")
    assert answer.json()["content"] == text


def test_list__pages__in_order(owner: APIClient, messages: str, conversation: Conversation) -> None:
    append_turns(conversation, 1, 6)
    pages = [owner.get(f"{messages}?page_size=5&page={page}").json() for page in (1, 2, 3)]
    assert [message["content"] for page in pages for message in page["results"]] == texts_of_turns(1, 6)
    assert pages[0]["count"] == 12


def followed(client: APIClient, address: str | None) -> list[dict[str, Any]]:
    """The pages from `address` on, by their `next`."""
    pages = []
    while address:
        pages.append(client.get(address).json())
        address = pages[-1]["next"]
    return pages


@pytest.mark.parametrize("query", ["page_size=200", "page_size=3", "page_size=200&after=0", "page_size=5&after=3"])
def test_list__long_messages__pages_end_early_and_next_goes_on(
    owner: APIClient, messages: str, conversation: Conversation, query: str
) -> None:
    texts = ["x" * MAX_BYTES] * 5 + ["short"] * 4 + ["x" * MAX_BYTES] * 5
    turns.append(conversation, [Draft(Role.USER, text) for text in texts])
    pages = followed(owner, f"{messages}?{query}")
    seen = [message["position"] for page in pages for message in page["results"]]
    assert seen == list(range(15 - len(seen), 15))
    assert len(seen) == 11 if "after=3" in query else 14
    assert {page["count"] for page in pages} == {14}
    assert all(0 < sum(len(message["content"]) for message in page["results"]) <= MAX_PAGE_BYTES for page in pages)


def test_list__short_messages__pages_by_number(owner: APIClient, messages: str, conversation: Conversation) -> None:
    append_turns(conversation, 1, 4)
    pages = followed(owner, f"{messages}?page_size=3")
    assert [page["next"] and page["next"].rpartition("?")[2] for page in pages] == [
        "page=2&page_size=3", "page=3&page_size=3", None
    ]  # fmt: skip
    assert [bool(page["previous"]) for page in pages] == [False, True, True]


def test_list__behind_the_last__empty_without_next(owner: APIClient, messages: str, conversation: Conversation) -> None:
    append_turns(conversation, 1, 1)
    page = owner.get(f"{messages}?after=2").json()
    assert (page["count"], page["next"], page["results"]) == (2, None, [])


def test_list__a_page_behind_a_position__counted_from_there(
    owner: APIClient, messages: str, conversation: Conversation
) -> None:
    append_turns(conversation, 1, 4)
    pages = followed(owner, f"{messages}?after=1&page=2&page_size=2")
    assert [[message["position"] for message in page["results"]] for page in pages] == [[4, 5], [6, 7], [8]]
    assert pages[0]["next"].endswith("?after=5&page_size=2")  # by position, as where pages end early
    assert not owner.get(f"{messages}?after=9999999999&page=4&page_size=2").json()["results"]


@pytest.mark.parametrize(
    "query",
    [
        "pag=1",
        "page_size=0",
        "page_size=201",
        "ordering=-position",
        "after=",
        "after=-1",
        "after=10000000000",
        "after=é",
    ],
)
def test_list__parameter_not_known_or_bad__400(owner: APIClient, messages: str, query: str) -> None:
    assert owner.get(f"{messages}?{query}").status_code == 400


def test_schema__of_a_position__what_is_read(owner: APIClient) -> None:
    paths = owner.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).json()["paths"]
    (parameters,) = [found["get"]["parameters"] for path, found in paths.items() if path.endswith("/messages/")]
    (after,) = [parameter for parameter in parameters if parameter["name"] == "after"]
    assert after["schema"] == {"type": "integer", "minimum": 0, "maximum": 9_999_999_999}
    assert not after.get("required")


def test_list__page_that_is_not_there__404(owner: APIClient, messages: str) -> None:
    assert owner.get(f"{messages}?page={10**20}").status_code == 404


def test_messages__how_an_answer_ended__shown_and_exported(
    owner: APIClient, address: str, conversation: Conversation
) -> None:
    refused = Draft(Role.ASSISTANT, "I cannot.", finish_reason="length", is_refusal=True)
    turns.append(conversation, [Draft(Role.USER, "One."), refused])
    listed = owner.get(f"{address}messages/").json()["results"]
    assert [(message["finish_reason"], message["is_refusal"]) for message in listed] == [
        (None, False),
        ("length", True),
    ]
    assert json.loads(owner.get(f"{address}export/").getvalue())["messages"] == listed


def test_messages__added_with_how_it_ended__refused(owner: APIClient, address: str) -> None:
    refused = owner.post(f"{address}messages/", {"content": "Hi.", "finish_reason": "stop", "is_refusal": True})
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"finish_reason", "is_refusal"})
