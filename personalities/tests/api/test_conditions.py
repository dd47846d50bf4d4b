"""If-Match: nobody's edit is lost to somebody who has not seen it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.models import Personality, Version
from personalities.tests.api.conftest import ELARA, LIST

pytestmark = pytest.mark.django_db(transaction=True)
BODY = {"personality_name": "elara", "greeting": "Hi."}
VERBS = ("put", "patch", "delete")


def etag(client: APIClient) -> str:
    return str(client.get(ELARA)["ETag"])


@pytest.mark.parametrize("verb", VERBS)
def test_write__with_the_etag_that_was_read__done(editor: APIClient, elara: Personality, verb: str) -> None:
    answer = getattr(editor, verb)(ELARA, BODY, headers={"If-Match": etag(editor)})
    assert answer.status_code == (204 if verb == "delete" else 200)


@pytest.mark.parametrize("verb", VERBS)
def test_write__changed_meanwhile__412_with_what_there_is_now(editor: APIClient, elara: Personality, verb: str) -> None:
    seen = etag(editor)
    now = editor.patch(ELARA, {"greeting": "First."})
    answer = getattr(editor, verb)(ELARA, BODY, headers={"If-Match": seen})
    assert (answer.status_code, answer["ETag"]) == (412, now["ETag"])
    assert answer.json()["current"] == now.json() == editor.get(ELARA).json()
    assert answer.json()["errors"] == {"If-Match": ["It has changed since you read it: version 2 is current."]}


def test_put__without_if_match__428_names_it(editor: APIClient, elara: Personality) -> None:
    answer = editor.put(ELARA, BODY)
    assert (answer.status_code, list(answer.json()["errors"])) == (428, ["If-Match"])
    assert Personality.objects.get().version == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [("*", 200), ('"other", {}', 200), ("W/{}", 412), ('"other"', 412), ("", 412), ("nonsense", 412)],
)
def test_if_match__in_any_form__only_the_very_one_counts(
    editor: APIClient, elara: Personality, given: str, status: int
) -> None:
    assert editor.patch(ELARA, BODY, headers={"If-Match": given.format(etag(editor))}).status_code == status


def test_etag__of_a_write__is_that_of_the_next_read(editor: APIClient) -> None:
    made = editor.post(LIST, {"personality_name": "elara", "archetype": "wise_mentor"})
    changed = editor.patch(ELARA, {"traits": {"humor_level": 9}}, headers={"If-Match": made["ETag"]})
    read = editor.get(ELARA)
    assert (read["ETag"], read.content) == (changed["ETag"], changed.content)
    assert made["ETag"] != changed["ETag"]


def test_patch__that_changes_nothing__no_version(editor: APIClient, elara: Personality) -> None:
    before = editor.get(ELARA)
    after = editor.patch(ELARA, {"custom": {"backstory": "Bridges."}, "note": "Nothing."})
    assert (after.content, after["ETag"]) == (before.content, before["ETag"])
    assert Version.objects.count() == 1


def test_if_match__inactive__412_tells_its_editor_the_etag(editor: APIClient, elara: Personality) -> None:
    editor.patch(ELARA, {"is_active": False})
    seen: Any = editor.patch(ELARA, BODY, headers={"If-Match": '"x"'})
    assert editor.patch(ELARA, {"is_active": True}, headers={"If-Match": seen["ETag"]}).status_code == 200


def test_etag__of_the_global_one_beside_ones_own__by_owner(reader: APIClient, user: User, elara: Personality) -> None:
    Personality.objects.create(personality_name="elara", owner=user)
    own, everybodys = reader.get(ELARA), reader.get(f"{ELARA}?owner=global")
    assert (own.json()["meta"]["owner"], everybodys.json()["meta"]["owner"]) == (user.pk, None)
    assert reader.get(f"{ELARA}id/?owner=global").json()["id"] == str(elara.id)
    assert reader.get(f"{ELARA}?owner=nobody").status_code == 400
