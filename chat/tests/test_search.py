"""What the playground finds while somebody types: a few, by an index, and only what may be talked to."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.choices import MAX_FOUND
from personalities.models import Personality

SEARCH = "/chat/personalities/search/"


@pytest.fixture
def client(key: str) -> Client:
    """Ursula's."""
    client = Client()
    client.force_login(User.objects.get(username="ursula"))
    return client


def found(client: Client, text: str = "", **others: str) -> list[str]:
    return [one["name"] for one in answered(client, q=text, **others)["results"]]


def answered(client: Client, **parameters: str) -> Any:
    answer = client.get(SEARCH, parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_search__nothing_typed__the_users_own_then_active_global_ones(client: Client) -> None:
    assert answered(client)["has_more"] is False
    assert found(client) == ["mira", "elara"]
    User.objects.filter(username="ursula").update(is_staff=True)
    assert found(client) == ["mira", "elara"], "staff cannot talk to an inactive one either"


def test_search__own_of_a_global_name__once_and_theirs(client: Client) -> None:
    mine = User.objects.get(username="ursula")
    row = Personality.objects.create(personality_name="elara", owner=mine)
    assert [(one["name"], one["is_own"]) for one in answered(client)["results"]] == [("elara", True), ("mira", True)]
    row.is_active = False
    row.save()
    assert found(client) == ["mira", "elara"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cap", ["old-captain"]),
        ("CAPT OLD", ["old-captain"]),
        ("silver", ["old-captain"]),
        ("old_cap", ["old-captain"]),
        ("Zoë", ["zoe"]),
        ("зо", ["zoya"]),
        ("r2", ["r2-d2"]),
        ("d2 7", ["r2-d2"]),
        ("www tag", ["r2-d2"]),
        ("aptain", []),
        ("captain nobody", []),
        ("';DROP TABLE x;--&|!():* \\", []),
        ("' \" \\ :*", []),
        ("<->", []),
        ("\u202e\U0001f600", []),
    ],
)
def test_search__words__as_the_names_have_them_by_their_beginnings(client: Client, text: str, names: list[str]) -> None:
    Personality.objects.create(personality_name="old-captain", display_name="Captain Silver of the sea")
    Personality.objects.create(personality_name="zoe", display_name="Zoë")
    Personality.objects.create(personality_name="r2-d2", display_name="Unit -7.5 <tag> www.example.org/a")
    Personality.objects.create(personality_name="zoya", display_name="Moscow зоя")
    assert found(client, text) == names


def test_search__by_name__that_one_alone(client: Client) -> None:
    assert found(client, name="ELARA") == ["elara"]
    assert found(client, name="isla") == found(client, name="no name") == []


def test_search__thousands__a_few_and_that_there_are_more(client: Client) -> None:
    Personality.objects.bulk_create(Personality(personality_name=f"extra-{number:04}") for number in range(3000))
    with CaptureQueriesContext(connection) as queries:
        answer = answered(client, q="extra")
    assert [one["name"] for one in answer["results"]] == [f"extra-{number:04}" for number in range(MAX_FOUND)]
    assert answer["has_more"] is True
    assert len(queries) <= 7
    assert found(client, "extra 2999") == ["extra-2999"]


def test_search__many_rows__asks_the_index(client: Client) -> None:
    Personality.objects.bulk_create(Personality(personality_name=f"extra-{number:04}") for number in range(3000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE personalities_personality")
    plan = Personality.objects.matching_words("extra-2999").order_by("personality_name").explain()
    assert "personality_words" in plan


@pytest.mark.parametrize("text", ["x" * 201, " ".join("abcdefghijk"), "a\0"])
def test_search__too_much__400(client: Client, text: str) -> None:
    assert client.get(SEARCH, {"q": text}).status_code == 400


def test_search__not_signed_in__401_even_with_a_key(client: Client, key: str) -> None:
    assert Client().get(SEARCH).status_code == 401
    assert Client().get(SEARCH, headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_search__answer__never_kept(client: Client) -> None:
    assert "no-store" in client.get(SEARCH)["Cache-Control"]


def test_search__schema__leaves_it_out(client: Client) -> None:
    assert SEARCH not in client.get("/api/schema/", headers={"Accept": "application/json"}).content.decode()
