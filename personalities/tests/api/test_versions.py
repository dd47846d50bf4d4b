"""The history over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.models import Personality, Version
from personalities.tests.api.conftest import ELARA, LIST
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)
VERSIONS, ROLLBACK = f"{ELARA}versions/", f"{ELARA}rollback/"


@pytest.fixture
def edited(editor: APIClient, elara: Personality) -> Personality:
    """Three versions: made, edited by staff, and by staff again."""
    editor.patch(ELARA, {"traits": {"humor_level": 9}, "note": "Funnier."})
    editor.patch(ELARA, {"custom": {"backstory": "Tunnels."}, "greeting": "Hi.", "note": None})
    return elara


def test_versions__edited__newest_first_with_author_and_note(
    editor: APIClient, staff: User, edited: Personality
) -> None:
    found = editor.get(VERSIONS).json()["results"]
    told = [(each["version"], each["author"], each["note"]) for each in found]
    assert told == [(3, staff.username, ""), (2, staff.username, "Funnier."), (1, "", "")]


def test_version__each__as_it_was(editor: APIClient, elara: Personality) -> None:
    was = [editor.get(ELARA).json()]
    for level in (9, 3):
        was.append(editor.patch(ELARA, {"traits": {"humor_level": level}}).json())
    for number, expected in enumerate(was, 1):
        found = editor.get(f"{VERSIONS}{number}/")
        assert found.json()["personality"] == expected
        assert editor.get(f"{VERSIONS}{number}/", headers={"If-None-Match": found["ETag"]}).status_code == 304


def test_difference__two_versions__fields_and_prompt(editor: APIClient, edited: Personality) -> None:
    found = editor.get(f"{VERSIONS}1...3/").json()
    assert (found["before"], found["after"]) == (1, 3)
    assert {change["field"]: (change["before"], change["after"]) for change in found["changes"]} == {
        "greeting": (edited.greeting or None, "Hi."),
        "traits.humor_level": (edited.humor_level, 9),
        "custom.backstory": ("Bridges.", "Tunnels."),
    }
    assert {"-Bridges.", "+Tunnels."} <= set(found["prompt"].splitlines())


def test_difference__with_itself__nothing(editor: APIClient, edited: Personality) -> None:
    found = editor.get(f"{VERSIONS}2...2/").json()
    assert (found["changes"], found["prompt"]) == ([], "")


def test_rollback__to_the_first__appended_as_a_fourth(editor: APIClient, staff: User, edited: Personality) -> None:
    first = editor.get(f"{VERSIONS}1/").json()["personality"]
    back = editor.post(ROLLBACK, {"version": 1})
    assert back.status_code == 200
    assert back.json() == editor.get(ELARA).json()
    assert {**back.json(), "meta": None} == {**first, "meta": None}
    assert back.json()["meta"]["version"] == 4
    latest = editor.get(VERSIONS).json()["results"][0]
    assert (latest["author"], latest["note"]) == (staff.username, "Back to version 1.")


def test_rollback__changed_meanwhile__412(editor: APIClient, edited: Personality) -> None:
    assert editor.post(ROLLBACK, {"version": 1}, headers={"If-Match": '"old"'}).status_code == 412
    assert Version.objects.count() == 3


def test_rollback__name_is_taken_by_now__409(editor: APIClient, edited: Personality) -> None:
    editor.patch(ELARA, {"personality_name": "vega"})
    editor.post(LIST, {"personality_name": "elara"})
    answer = editor.post(f"{LIST}vega/rollback/", {"version": 1})
    assert (answer.status_code, list(answer.json()["errors"])) == (409, ["personality_name"])


@pytest.mark.parametrize(
    ("body", "field", "status"),
    [
        ({}, "version", 400),
        ({"version": "1"}, "version", 400),
        ({"version": 0}, "version", 400),
        ({"version": 2**31}, "version", 400),
        ({"version": True}, "version", 400),
        ({"version": 99}, "version", 404),
        ({"version": 1, "to": 1}, "to", 400),
        ({"version": 1, "note": "x" * 501}, "note", 400),
    ],
)
def test_rollback__bad_input__names_the_field(
    editor: APIClient, edited: Personality, body: Any, field: str, status: int
) -> None:
    answer = editor.post(ROLLBACK, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (status, [field])


@pytest.mark.parametrize("path", ["99/", f"{2**31}/", f"{10**40}/", "1...99/", "99...1/"])
def test_version__there_is_none__404(editor: APIClient, edited: Personality, path: str) -> None:
    assert editor.get(f"{VERSIONS}{path}").status_code == 404


def ask(client: APIClient, path: str) -> int:
    return int((client.post(path, {"version": 1}) if path.endswith("rollback/") else client.get(path)).status_code)


PATHS = ("versions/", "versions/1/", "versions/1...1/", "rollback/")


@pytest.mark.parametrize("path", PATHS)
def test_history__of_a_global_one__staffs(reader: APIClient, edited: Personality, path: str) -> None:
    assert ask(reader, ELARA + path) == 403
    assert Version.objects.count() == 3


@pytest.mark.parametrize("path", PATHS)
def test_history__of_somebody_elses__404(editor: APIClient, user: User, path: str) -> None:
    Personality.objects.create(personality_name="mira", owner=user)
    assert ask(editor, f"{LIST}mira/{path}") == 404


def test_history__ones_own__ones_own(reader: APIClient, user: User) -> None:
    reader.post(LIST, {"personality_name": "mira", "note": "First."})
    found = reader.get(f"{LIST}mira/versions/").json()["results"]
    assert [(each["author"], each["note"]) for each in found] == [(user.username, "First.")]


def test_history__misspelt_parameter__400(editor: APIClient, edited: Personality) -> None:
    assert list(editor.get(f"{VERSIONS}?pag=2").json()["errors"]) == ["pag"]
    assert len(editor.get(f"{VERSIONS}?page_size=2&page=2").json()["results"]) == 1


def test_rollback__beside_a_secret_that_was_there__done(editor: APIClient, edited: Personality) -> None:
    """The secret is in the current version and in the one to return to: the rollback does not bring it in."""
    Personality.objects.update(speaking_style="AKIAIOSFODNN7EXAMPLE")
    editor.patch(ELARA, {"greeting": "Ho."})
    assert editor.post(ROLLBACK, {"version": 4}).json()["greeting"] == "Hi."
    assert editor.post(ROLLBACK, {"version": 1}).status_code == 200
    assert list(editor.post(ROLLBACK, {"version": 4}).json()["errors"]) == ["custom.speaking_style"]


def by_orm(row: Personality, owner: User) -> None:
    Personality.objects.filter(pk=row.pk).update(owner=owner)


def by_sql(row: Personality, owner: User) -> None:
    sql(f"UPDATE personalities_personality SET owner_id = {owner.pk} WHERE id = '{row.pk}'")


MOVE = pytest.mark.parametrize("move", [by_orm, by_sql])


@pytest.fixture
def alices(client_of: Callable[[User], APIClient], user: User) -> Personality:
    """A personality of Alice's with three versions."""
    client = client_of(user)
    client.post(LIST, {"personality_name": "vera", "custom": {"backstory": "Alice's secret."}})
    client.patch(f"{LIST}vera/", {"custom": {"backstory": "Another."}, "note": "A private reason."})
    client.patch(f"{LIST}vera/", {"custom": {"backstory": "Nothing."}})
    return Personality.objects.get(personality_name="vera")


@MOVE
def test_versions__another_owner__takes_no_history_along(
    client_of: Callable[[User], APIClient], alices: Personality, move: Callable[[Personality, User], None]
) -> None:
    bob = User.objects.create_user("bob")
    move(alices, bob)
    client, address = client_of(bob), f"{LIST}vera/versions/"
    client.patch(f"{LIST}vera/", {"greeting": "Mine now."})
    page = client.get(address)
    assert ([each["version"] for each in page.json()["results"]], page.json()["count"]) == ([5, 4], 2)
    assert [client.get(f"{address}{which}/").status_code for which in (1, 3, "1...4", "4...2", 4, "4...5")] == [
        404, 404, 404, 404, 200, 200
    ]  # fmt: skip
    assert client.post(f"{LIST}vera/rollback/", {"version": 1}).status_code == 404
    assert client.post(f"{LIST}vera/rollback/", {"version": 4}).status_code == 200


@MOVE
def test_versions__back_to_its_first_owner__theirs_and_not_the_others(
    client_of: Callable[[User], APIClient], user: User, alices: Personality, move: Callable[[Personality, User], None]
) -> None:
    move(alices, User.objects.create_user("bob"))
    move(alices, user)
    found = client_of(user).get(f"{LIST}vera/versions/").json()["results"]
    assert [each["version"] for each in found] == [5, 3, 2, 1]


@MOVE
def test_versions__another_owner_who_is_staff__all_of_them(
    editor: APIClient, staff: User, alices: Personality, move: Callable[[Personality, User], None]
) -> None:
    move(alices, staff)
    assert editor.get(f"{LIST}vera/versions/").json()["count"] == 4
    assert editor.get(f"{LIST}vera/versions/1/").status_code == 200


def test_versions__given_away_by_staff__nothing_of_when_it_was_global(
    client_of: Callable[[User], APIClient], user: User, edited: Personality
) -> None:
    by_orm(edited, user)
    found = client_of(user).get(f"{VERSIONS}?owner=me").json()["results"]
    assert [each["version"] for each in found] == [4]
