"""Bad input is always a 4xx that names the field, never a 500, and nothing is stored."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from personalities.api.serializers import PersonalitySerializer
from personalities.models import Personality
from personalities.tests.api.conftest import ELARA, LIST

pytestmark = pytest.mark.django_db

BAD_NAMES: list[Any] = [
    *[
        "",
        " ",
        "*",
        "?",
        "[a",
        "a:id",
        "x:config",
        "el ara",
        "ela\nra",
        "elara\n",
        "a\r\nDEL b",
        "\telara",
        "a/b",
        "..",
    ],
    *["еlara", "el\u200bara", "\u202eelara", "ıslä", "ß*", "a" * 101, "a" * 10_000, "resolve"],
    *[None, 5, 5.5, True, [], {}],
]
BAD_LEVELS: list[Any] = [-1, 11, "5", None, 5.5, 5.0, True, [], {}, 10**30, ""]
BAD_TEXTS: list[Any] = [5, True, [], {}, "x" * 2001]
LONG = "x" * 60_000


def unknown(number: int) -> dict[str, int]:
    """A body with so many unknown keys."""
    return {f"unknown_{key}": 1 for key in range(number)}


def assert_refused(response: Any, field: str, status: int = 400) -> None:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], bool(problem["title"])) == (status, True)
    assert field in problem["errors"], problem
    assert not Personality.objects.exclude(personality_name="elara").exists()


@pytest.mark.parametrize("name", BAD_NAMES)
def test_create__bad_name__400(editor: APIClient, name: Any) -> None:
    assert_refused(editor.post(LIST, {"personality_name": name}), "personality_name")


def test_create__no_name__400(editor: APIClient) -> None:
    assert_refused(editor.post(LIST, {}), "personality_name")


@pytest.mark.parametrize("value", BAD_LEVELS)
def test_create__bad_level__400(editor: APIClient, value: Any) -> None:
    response = editor.post(LIST, {"personality_name": "mira", "traits": {"humor_level": value}})
    assert_refused(response, "traits.humor_level")


@pytest.mark.parametrize("value", ["true", "yes", 1, 0, None, [], {}])
def test_create__bad_flag__400(editor: APIClient, value: Any) -> None:
    response = editor.post(LIST, {"personality_name": "mira", "behaviors": {"asks_questions": value}})
    assert_refused(response, "behaviors.asks_questions")


@pytest.mark.parametrize("field", ["backstory", "custom_instructions", "speaking_style"])
@pytest.mark.parametrize("value", BAD_TEXTS)
def test_create__bad_text__400(editor: APIClient, field: str, value: Any) -> None:
    assert_refused(editor.post(LIST, {"personality_name": "mira", "custom": {field: value}}), f"custom.{field}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"archetype": "villain"}, "archetype"),
        ({"archetype": ""}, "archetype"),
        ({"archetype": []}, "archetype"),
        ({"relationship_type": "enemy"}, "relationship_type"),
        ({"relationship_type": None}, "relationship_type"),
        ({"traits": None}, "traits"),
        ({"traits": []}, "traits"),
        ({"traits": {"charm": 5}}, "traits.charm"),
        ({"custom": {"x": "y"}}, "custom.x"),
        ({"owner": 1}, "owner"),
        ({"__proto__": {}}, "__proto__"),
        ({"id": "85c872cd-68db-42d5-9164-a78a7f51a611"}, "id"),
        ({"meta": {"version": 9}}, "meta"),
    ],
)
def test_create__bad_field__400_names_it(editor: APIClient, body: dict[str, Any], field: str) -> None:
    assert_refused(editor.post(LIST, {"personality_name": "mira", **body}), field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({LONG: 1}, "x" * 200 + "…"),
        ({"traits": {LONG: 1}}, "traits." + "x" * 193 + "…"),
        ({"archetype": LONG}, "archetype"),
        ({"relationship_type": [LONG]}, "relationship_type"),
        ({"locked_preferences": [LONG]}, "locked_preferences.0"),
        ({"locked_preferences": ["x"] * 9_000}, "locked_preferences"),
        (unknown(3_000), "unknown_0"),
        ({"traits": unknown(3_000)}, "traits.unknown_0"),
    ],
)
def test_create__much_that_is_wrong__400_that_repeats_little_of_it(
    editor: APIClient, body: dict[str, Any], field: str
) -> None:
    response = editor.post(LIST, {"personality_name": "mira", **body})
    assert_refused(response, field)
    texts = [text for name, messages in response.json()["errors"].items() for text in (name, *messages)]
    assert max(map(len, texts)) <= 501  # including the mark that something was cut off
    assert len(response.content) < 4096


@pytest.mark.parametrize(
    ("number", "detail"),
    [
        (20, "Some fields are not valid; `errors` names each."),
        (21, "Some fields are not valid; `errors` names 20 of them."),
        (3_000, "Some fields are not valid; `errors` names 20 of them."),
    ],
)
def test_create__many_unknown_fields__20_are_named(editor: APIClient, number: int, detail: str) -> None:
    problem = editor.post(LIST, {"personality_name": "mira", **unknown(number)}).json()
    assert problem["detail"] == detail
    assert list(problem["errors"]) == list(unknown(20))


def test_serializer__many_unknown_fields__collects_one_more_than_is_named() -> None:
    serializer = PersonalitySerializer(data=unknown(3_000))
    assert not serializer.is_valid()
    assert len(serializer.errors) == 21


@pytest.mark.parametrize("names", [[1] * 19_000, ["elara"] * 101])
def test_resolve__too_many_names__none_is_looked_at(reader: APIClient, names: list[Any]) -> None:
    response = reader.post(f"{LIST}resolve/", {"names": names})
    assert response.status_code == 400
    assert response.json()["errors"] == {"names": ["Ensure this field has no more than 100 elements."]}


def test_resolve__wrong_names__20_are_named(reader: APIClient) -> None:
    problem = reader.post(f"{LIST}resolve/", {"names": [1] * 100}).json()
    assert list(problem["errors"]) == [f"names.{index}" for index in range(20)]
    assert problem["detail"].endswith("20 of them.")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "personality_name"),
        (b"{", "body"),
        (b"null", "body"),
        (b"[1]", "body"),
        (b'"x"', "body"),
        (b"\xff\xfe", "body"),
        (b"[" * 60_000, "body"),
        (b"[" * 21 + b"]" * 21, "body"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, "body"),
        (b'"' + rb"\"" * 30_000, "body"),
        (b'{"personality_name": "mira", "personality_name": "nova"}', "personality_name"),
        (b'{"personality_name": "mira", "traits": {"humor_level": 1, "humor_level": 2}}', "humor_level"),
        (rb'{"personality_name": "mira", "custom": {"backstory": "a\u0000b"}}', "custom.backstory"),
        (rb'{"personality_name": "mira", "custom": {"backstory": "\ud800"}}', "custom.backstory"),
        (rb'{"personality_name": "mira", "custom": {"back\u0000story": "x"}}', "body"),
        (rb'{"\ud800": 1, "\ud800": 2}', "body"),
        (rb'{"personality_name": "mira\u0000"}', "personality_name"),
        (b'{"personality_name": "mira", "traits": {"humor_level": NaN}}', "body"),
        (b'{"personality_name": "mira", "traits": {"humor_level": 1e400}}', "traits.humor_level"),
        (b'{"personality_name": "mira", "traits": {"humor_level": ' + b"9" * 100 + b"}}", "traits.humor_level"),
        (b'{"personality_name": "mira", "traits": {"humor_level": ' + b"9" * 101 + b"}}", "body"),
        (b'{"personality_name": "mira", "traits": {"humor_level": ' + b"9" * 5000 + b"}}", "body"),
    ],
)
def test_create__bad_json__400(editor: APIClient, body: bytes, field: str) -> None:
    assert_refused(editor.post(LIST, body, content_type="application/json"), field)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x",
                                  "application/x-www-form-urlencoded"])  # fmt: skip
def test_create__wrong_content_type__415(editor: APIClient, kind: str) -> None:
    assert_refused(editor.post(LIST, b'{"personality_name": "mira"}', content_type=kind), "Content-Type", 415)


@pytest.mark.parametrize("charset", ["bz2_codec", "utf-16", "utf-7", "nonsense"])
def test_create__foreign_charset__415(editor: APIClient, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    assert_refused(editor.post(LIST, b'{"personality_name": "mira"}', content_type=kind), "Content-Type", 415)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"personality_name":"' + b"a" * 100_000 + b'"}', b" " * 65_537, b"x" * 2_700_000]
)
def test_create__more_than_64_kib__413_says_the_limit(editor: APIClient, body: bytes) -> None:
    response = editor.post(LIST, body, content_type="application/json")
    assert_refused(response, "body", 413)
    assert response.json()["detail"] == "At most 65536 bytes are read."


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'"",', b"0,", b"]"])
@pytest.mark.parametrize("end", [b"[]]}", b""])
def test_create__too_many_values__400_says_the_limit(editor: APIClient, piece: bytes, end: bytes) -> None:
    """The body is within 64 KiB, and refused before any of the values is decoded."""
    many = b'{"personality_name": "mira", "custom": [' + piece * (65_000 // len(piece)) + end
    response = editor.post(LIST, many, content_type="application/json")
    assert_refused(response, "body")
    assert response.json()["errors"]["body"] == ["At most 20000 values are read."]


@pytest.mark.parametrize("levels", [21, 900, 2000])
def test_create__too_many_levels__400_says_the_limit(editor: APIClient, levels: int) -> None:
    nested = b'{"personality_name": "mira", "custom": ' + b"[" * levels + b"]" * levels + b"}"
    response = editor.post(LIST, nested, content_type="application/json")
    assert_refused(response, "body")
    assert response.json()["errors"]["body"] == ["At most 20 levels of nesting are read."]


def test_create__byte_order_mark__accepted(editor: APIClient) -> None:
    body = b'\xef\xbb\xbf{"personality_name": "mira"}'
    assert editor.post(LIST, body, content_type="application/json").status_code == 201


@pytest.mark.parametrize("value", BAD_LEVELS)
def test_patch__bad_level__400_and_the_row_as_it_was(editor: APIClient, elara: Personality, value: Any) -> None:
    response = editor.patch(ELARA, {"greeting": "Changed.", "traits": {"humor_level": value}})
    assert_refused(response, "traits.humor_level")
    assert Personality.objects.get().to_config() == elara.to_config()


@pytest.mark.parametrize(
    "field", ["id", "owner", "owner_id", "is_global", "version", "created_at", "updated_at", "__proto__", "constructor"]
)
def test_patch__field_that_is_nobodys_to_write__400_and_the_row_as_it_was(
    editor: APIClient, elara: Personality, field: str
) -> None:
    assert_refused(editor.patch(ELARA, {"greeting": "Changed.", field: 7}), field)
    assert Personality.objects.get().to_config() == elara.to_config()


@pytest.mark.parametrize("search", ["%00", "a+" * 5000, "a," * 5000, "x" * 5000, "a+b,c+" * 4])
def test_list__bad_search__400_names_it(reader: APIClient, search: str) -> None:
    assert_refused(reader.get(f"{LIST}?search={search}"), "search")


@pytest.mark.parametrize("ordering", ["password", "owner__password", "-", "%3F", "%00", "id;DROP", "pk," * 1000])
def test_list__bad_ordering__400_names_it(reader: APIClient, ordering: str) -> None:
    assert_refused(reader.get(f"{LIST}?ordering={ordering}"), "ordering")


@pytest.mark.parametrize(
    "query", ["format=../../etc", "format=html", "format=%00", "page=1e3", "page=%00", "page=", "page=last", "page=١"]
)
def test_list__nothing_of_the_kind__404(reader: APIClient, query: str) -> None:
    assert reader.get(f"{LIST}?{query}").status_code == 404


@pytest.mark.parametrize("query", [f"{'x' * 7_000}=1", f"archetype={'x' * 7_000}", f"ordering={'x' * 7_000}",
                                   "&".join(f"x{number}=1" for number in range(900))])  # fmt: skip
def test_list__much_that_is_wrong__400_that_repeats_little_of_it(reader: APIClient, query: str) -> None:
    response = reader.get(f"{LIST}?{query}")
    assert response.status_code == 400
    assert len(response.content) < 2048


def test_method__not_offered__405(editor: APIClient) -> None:
    assert editor.post(ELARA, {}).status_code == 405
