"""Preferences over HTTP: the caller's own, typed, and nobody else's."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from personalities.prompt.wishes import CHOICES
from preferences.models import Preferences
from preferences.tests.conftest import NOTHING, URL

pytestmark = pytest.mark.django_db(transaction=True)
VERBS = ("get", "put", "patch", "delete")
FULL = {
    "language": "pt-BR",
    "formality": "casual",
    "tone": "calm",
    "emoji_use": "none",
    "response_length": "brief",
    "explanation_style": "analogies",
    "call_me": "Sam",
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("key", [None, "Bearer cpk_00000000_x"])
def test_any_verb__without_a_valid_key__401(db: None, verb: str, key: str | None) -> None:
    headers = {"Authorization": key} if key else {}
    assert getattr(APIClient(), verb)(URL, headers=headers).status_code == 401


def test_post__405(reader: APIClient) -> None:
    assert reader.post(URL, FULL).status_code == 405


def test_session__writes_with_a_csrf_token_only(user: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get(URL).json() == NOTHING
    assert client.patch(URL, {"tone": "calm"}).status_code == 403


def test_get__who_has_said_nothing__null_everywhere_and_no_row(reader: APIClient) -> None:
    answer = reader.get(URL)
    assert (answer.status_code, answer.json()) == (200, NOTHING)
    assert reader.head(URL).status_code == 200
    assert not Preferences.objects.exists()


@pytest.mark.parametrize("verb", ["put", "patch"])
def test_write__all__read_back_by_its_user_alone(reader: APIClient, other: APIClient, verb: str) -> None:
    written = getattr(reader, verb)(URL, FULL)
    assert (written.status_code, written.json()) == (200, FULL)
    assert reader.get(URL).content == written.content
    assert other.get(URL).json() == NOTHING  # staff as little as anybody
    assert Client().get(URL).status_code == 401


def test_write__of_two_users__each_keeps_their_own(reader: APIClient, other: APIClient) -> None:
    reader.patch(URL, {"tone": "calm"})
    other.patch(URL, {"tone": "friendly"})
    other.delete(URL)
    assert (reader.get(URL).json()["tone"], other.get(URL).json()) == ("calm", NOTHING)


@pytest.mark.parametrize(("field", "value"), [(name, value) for name, values in CHOICES.items() for value in values])
def test_choice__each__taken(reader: APIClient, field: str, value: str) -> None:
    assert reader.patch(URL, {field: value}).json() == NOTHING | {field: value}


def test_patch__some__the_rest_stays_and_null_clears(reader: APIClient) -> None:
    reader.put(URL, FULL)
    assert reader.patch(URL, {"tone": None, "formality": "formal"}).json() == FULL | {
        "tone": None,
        "formality": "formal",
    }


def test_put__some__the_rest_is_cleared(reader: APIClient) -> None:
    reader.put(URL, FULL)
    assert reader.put(URL, {"tone": "calm"}, headers={"If-Match": "*"}).json() == NOTHING | {"tone": "calm"}


@pytest.mark.parametrize("way", ["delete", "put", "patch"])
def test_last_wish__taken_back__no_row_is_kept(reader: APIClient, way: str) -> None:
    reader.put(URL, FULL)
    answer = getattr(reader, way)(URL, None if way == "delete" else NOTHING, headers={"If-Match": "*"})
    assert answer.status_code == (204 if way == "delete" else 200)
    assert reader.get(URL).json() == NOTHING
    assert not Preferences.objects.exists()
    assert reader.delete(URL).status_code == 204


@pytest.mark.parametrize(("typed", "tag"), [("ZH-hant-tw", "zh-Hant-TW"), ("ast-latn-419", "ast-Latn-419")])
def test_language__any_case__one_spelling(reader: APIClient, typed: str, tag: str) -> None:
    assert reader.patch(URL, {"language": typed}).json()["language"] == tag
    assert reader.get(URL).json()["language"] == tag


@pytest.mark.parametrize("text", ["{{7*7}}", "{0.__class__}", "%s", " Sam ", "👩‍👩‍👧", "Dr. O'Neil", "x" * 50])
def test_call_me__whatever_was_typed__kept_to_the_letter(reader: APIClient, text: str) -> None:
    reader.patch(URL, {"call_me": text})
    assert reader.get(URL).json()["call_me"] == text


@pytest.mark.parametrize("nothing", [None, "", "   ", "\u3000", "\u200b", " \u2060\u200f "])
def test_text__empty__cleared(reader: APIClient, nothing: str | None) -> None:
    reader.put(URL, FULL)
    assert reader.patch(URL, {"call_me": nothing}).json()["call_me"] is None


NO_CHOICE: list[Any] = ["wrong", "", 5, True, [], {}, "Casual "]
NO_TAG: list[Any] = ["german", "de_DE", "de-", "*", "d", 5, True, [], "de\n", "x" * 10_000]
NO_NAME: list[Any] = [5, True, [], {}, "x" * 51, "a\nb", "a\x1bb", "a\u2028b", "a\u0085b", "AKIAIOSFODNN7EXAMPLE",
                      "sk-abcdefghijklmnopqrstuvwxyz0123456789"]  # fmt: skip
BAD = [
    *((field, value) for field in CHOICES for value in NO_CHOICE),
    *(("language", value) for value in NO_TAG),
    *(("call_me", value) for value in NO_NAME),
    *((field, 1) for field in ("user", "user_id", "meta", "tones", "__proto__")),
]


@pytest.mark.parametrize("verb", ["put", "patch"])
@pytest.mark.parametrize(("field", "value"), BAD)
def test_write__bad_value__400_names_it_and_nothing_changes(
    reader: APIClient, verb: str, field: str, value: Any
) -> None:
    answer = getattr(reader, verb)(URL, {"response_length": "brief", field: value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field]), answer.content
    assert "sk-" not in answer.content.decode()
    assert not Preferences.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b'{"call_me": "a\\u0000b"}', b'{"tone": "calm", "tone": "x"}']
)
def test_write__bad_json__400(reader: APIClient, body: bytes) -> None:
    status = reader.put(URL, body, content_type="application/json").status_code
    assert status == (200 if body == b"" else 400)  # no body at all is an empty one, as everywhere
    assert not Preferences.objects.exists()


@pytest.mark.parametrize("verb", ["put", "patch"])
def test_write__malformed_json__400_before_its_user_is_locked(reader: APIClient, verb: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        answer = getattr(reader, verb)(URL, b"{", content_type="application/json")
    assert answer.status_code == 400
    assert [query["sql"] for query in asked.captured_queries if " FOR " in query["sql"]] == []


def test_schema__read__every_verb_with_what_it_takes_and_gives(db: None) -> None:
    schema = Client().get("/api/schema/?format=json").json()
    found = schema["paths"][URL]
    assert set(found) == set(VERBS)
    shown = schema["components"]["schemas"]["Preferences"]["properties"]
    assert list(shown) == list(NOTHING)
    assert all({"type": "null"} in (field.get("oneOf") or field["anyOf"]) for field in shown.values())
    for verb in ("put", "patch"):
        assert "If-Match" in {parameter["name"] for parameter in found[verb]["parameters"]}
