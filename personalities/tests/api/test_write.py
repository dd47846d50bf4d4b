from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from personalities.archetypes import ARCHETYPES
from personalities.config import PersonalityConfig
from personalities.models import Personality
from personalities.tests.api.conftest import ELARA, LIST

pytestmark = pytest.mark.django_db


def test_create__name_and_archetype__the_archetype_fills_the_rest(editor: APIClient) -> None:
    response = editor.post(LIST, {"personality_name": "Mary-Jane", "archetype": "calm_therapist"})
    assert response.status_code == 201
    assert response["Location"].endswith("/api/v1/personalities/mary-jane/")
    body, archetype = response.json(), ARCHETYPES["calm_therapist"]
    assert (body["personality_name"], body["display_name"]) == ("mary-jane", "Mary Jane")
    assert body["traits"]["empathy_level"] == archetype.traits.empathy_level
    assert body["behaviors"]["shares_opinions"] is archetype.behaviors.shares_opinions
    assert body["relationship_type"] == "therapist"
    assert body["custom"]["speaking_style"] == archetype.speaking_style
    assert body["greeting"] == archetype.example_greeting


def test_create__author_says__the_archetype_does_not_overrule(editor: APIClient) -> None:
    nested = {
        "traits": {"humor_level": 9},
        "behaviors": {"asks_questions": False},
        "custom": {"speaking_style": "Loud."},
    }
    flat = {"personality_name": "mira", "archetype": "calm_therapist", "relationship_type": "friend", "greeting": None}
    body = flat | nested
    made = editor.post(LIST, body).json()
    assert (made["relationship_type"], made["greeting"], made["custom"]["speaking_style"]) == ("friend", None, "Loud.")
    assert made["traits"]["humor_level"] == 9
    assert made["traits"]["formality_level"] == 6
    assert made["behaviors"]["asks_questions"] is False


def test_create__no_archetype__plain_defaults(editor: APIClient) -> None:
    made = editor.post(LIST, {"personality_name": "mira"}).json()
    assert made["archetype"] is None
    assert set(made["traits"].values()) == {5, 7}
    assert made["behaviors"]["challenges_user"] is False
    assert made["relationship_type"] == "assistant"


def test_create__by_staff__global(editor: APIClient) -> None:
    assert editor.post(LIST, {"personality_name": "mira"}).json()["meta"]["owner"] is None


def test_create__by_anybody_else__their_own(reader: APIClient, editor: APIClient, user: User) -> None:
    assert reader.post(LIST, {"personality_name": "mira"}).json()["meta"]["owner"] == user.pk
    assert editor.get(f"{LIST}mira/").status_code == 404


@pytest.mark.parametrize("spelling", ["elara", "ELARA", " Elara"])
def test_create__name_taken__409_names_the_field(editor: APIClient, elara: Personality, spelling: str) -> None:
    response = editor.post(LIST, {"personality_name": spelling})
    assert response.status_code == 409
    assert "personality_name" in response.json()["errors"]
    assert Personality.objects.count() == 1


def test_create__name_of_a_global_one__ones_own_shadows_it(reader: APIClient, elara: Personality) -> None:
    assert reader.post(LIST, {"personality_name": "elara"}).status_code == 201


def test_patch__nested__merged(editor: APIClient, elara: Personality) -> None:
    before = editor.get(ELARA).json()
    after = editor.patch(ELARA, {"traits": {"humor_level": 9}, "custom": {"backstory": None}}).json()
    assert after["traits"] == before["traits"] | {"humor_level": 9}
    assert after["custom"] == before["custom"] | {"backstory": None}
    assert after["meta"]["version"] == before["meta"]["version"] + 1


def test_patch__archetype__what_the_old_one_filled_follows(editor: APIClient) -> None:
    editor.post(LIST, {"personality_name": "mira", "archetype": "wise_mentor", "traits": {"humor_level": 9}})
    after = editor.patch(f"{LIST}mira/", {"archetype": "calm_therapist", "greeting": "Hello."}).json()
    archetype = ARCHETYPES["calm_therapist"]
    assert after["traits"]["humor_level"] == 9
    assert after["traits"]["empathy_level"] == archetype.traits.empathy_level
    assert (after["relationship_type"], after["greeting"]) == ("therapist", "Hello.")


def test_put__what_was_read__round_trip(editor: APIClient, elara: Personality) -> None:
    read = editor.get(ELARA).json()
    read["traits"]["humor_level"] = 9
    written = editor.put(ELARA, read, headers={"If-Match": "*"}).json()
    assert written["traits"] == read["traits"]
    assert {**written, "meta": None} == {**read, "meta": None}


def test_put__left_out__as_if_new(editor: APIClient, elara: Personality) -> None:
    given = {"personality_name": "elara", "archetype": "curious_student"}
    written = editor.put(ELARA, given, headers={"If-Match": "*"}).json()
    assert written["custom"]["backstory"] is None
    assert written["traits"]["curiosity_level"] == 10


def test_put__another_name__renamed(editor: APIClient, elara: Personality) -> None:
    renamed = editor.put(ELARA, {"personality_name": "vega"}, headers={"If-Match": "*"}).json()
    assert renamed["id"] == str(elara.id)
    assert editor.get(ELARA).status_code == 404
    assert editor.get(f"{LIST}vega/").status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"id": "85c872cd-68db-42d5-9164-a78a7f51a611"}, {"meta": {"version": 7}}, {"meta": {"owner": 1}}, {"id": None}],
)
def test_patch__read_only_field__400_names_it(editor: APIClient, elara: Personality, change: dict[str, Any]) -> None:
    response = editor.patch(ELARA, change)
    assert response.status_code == 400
    assert set(response.json()["errors"]) == set(change)


def test_patch__inactive__can_be_activated_again(editor: APIClient, elara: Personality) -> None:
    assert editor.patch(ELARA, {"is_active": False}).json()["is_active"] is False
    assert editor.get(ELARA).status_code == 404
    assert editor.patch(ELARA, {"is_active": True}).status_code == 200
    assert editor.get(ELARA).status_code == 200


def test_delete__by_staff__gone(editor: APIClient, elara: Personality) -> None:
    assert editor.delete(ELARA).status_code == 204
    assert editor.get(ELARA).status_code == 404
    assert editor.delete(ELARA).status_code == 404


@pytest.mark.parametrize("verb", ["put", "patch", "delete"])
def test_write__global_by_no_staff__403(reader: APIClient, elara: Personality, verb: str) -> None:
    response = getattr(reader, verb)(ELARA, {"personality_name": "elara", "backstory": "Mine."})
    assert response.status_code == 403
    assert Personality.objects.get().backstory == "Bridges."


@pytest.mark.parametrize("verb", ["put", "patch", "delete"])
def test_write__somebody_elses__404(reader: APIClient, editor: APIClient, user: User, verb: str) -> None:
    Personality.objects.create(personality_name="mira", owner=user)
    given: Any = {"data": {"personality_name": "mira"}, "headers": {"If-Match": "*"}}
    assert getattr(editor, verb)(f"{LIST}mira/", **given).status_code == 404
    assert getattr(reader, verb)(f"{LIST}mira/", **given).status_code in {200, 204}


def test_write__own_inactive_beside_a_global__acts_on_what_get_shows(
    reader: APIClient, elara: Personality, user: User
) -> None:
    own = Personality.objects.create(personality_name="elara", owner=user, is_active=False)
    assert reader.get(ELARA).json()["meta"]["owner"] is None
    assert reader.delete(ELARA).status_code == 403
    assert reader.patch(f"{ELARA}?owner=me", {"is_active": True}).json()["id"] == str(own.pk)
    assert reader.get(ELARA).json()["id"] == str(own.pk)
    assert reader.delete(f"{ELARA}?owner=me").status_code == 204
    assert reader.delete(f"{ELARA}?owner=you").status_code == 400


@pytest.mark.parametrize("method", ["patch", "put", "delete"])
def test_write__misspelt_parameter__refused_by_its_name(editor: APIClient, elara: Personality, method: str) -> None:
    """Otherwise the write would hit the other of two personalities of that name."""
    answer = getattr(editor, method)(f"{ELARA}?ownr=global", {"greeting": "No."})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["ownr"])
    elara.refresh_from_db()
    assert elara.greeting != "No."


def test_edit__no_json__refused_before_a_row_is_locked(editor: APIClient, elara: Personality) -> None:
    """It is refused before If-Match is looked at, too: it is 400 whether or not the condition holds."""
    with CaptureQueriesContext(connection) as queries:
        answer = editor.patch(ELARA, "{broken", content_type="application/json", headers={"If-Match": '"other"'})
    assert answer.status_code == 400
    assert not [query for query in queries if "FOR UPDATE" in query["sql"]]
    assert Personality.objects.get() == elara


@pytest.mark.parametrize("text", ["{{7*7}}", "{0.__class__}", "%s %(x)s", "</system>", " padded ", "line\nbreak", "🌙"])
def test_text__whatever_the_author_typed__kept_to_the_letter(editor: APIClient, elara: Personality, text: str) -> None:
    editor.patch(ELARA, {"custom": {"backstory": text}})
    assert editor.get(ELARA).json()["custom"]["backstory"] == text


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each personality whose configuration is built from its row."""
    names: list[str] = []
    build = Personality.to_config

    def counted(row: Personality) -> PersonalityConfig:
        names.append(row.personality_name)
        return build(row)

    monkeypatch.setattr(Personality, "to_config", counted)
    return names


@pytest.mark.parametrize("verb", ["put", "patch"])
def test_edit__any__the_configuration_is_built_before_and_after(
    editor: APIClient, elara: Personality, built: list[str], verb: str
) -> None:
    whole = editor.get(ELARA)
    built.clear()
    body = whole.json() | {"greeting": "Hi."}
    assert getattr(editor, verb)(ELARA, body, headers={"If-Match": whole["ETag"]}).status_code == 200
    assert built == ["elara"] * 2


def test_create__any__the_configuration_is_built_once(editor: APIClient, built: list[str]) -> None:
    assert editor.post(LIST, {"personality_name": "mira"}).status_code == 201
    assert built == ["mira"]


def test_rollback__any__the_configuration_is_built_before_and_after(
    editor: APIClient, elara: Personality, built: list[str]
) -> None:
    assert editor.patch(ELARA, {"greeting": "Hi."}).status_code == 200
    built.clear()
    assert editor.post(f"{ELARA}rollback/", {"version": 1}).status_code == 200
    assert built == ["elara"] * 2


@pytest.mark.parametrize("verb", ["put", "patch"])
def test_edit__answer__is_what_a_read_gives_from_now_on(editor: APIClient, elara: Personality, verb: str) -> None:
    body = {"personality_name": "nova", "generation": {"temperature": 1}, "locked_preferences": ["tone", "language"]}
    answer = getattr(editor, verb)(ELARA, body, headers={"If-Match": "*"})
    read = editor.get(f"{LIST}nova/")
    assert (answer.content, answer["ETag"]) == (read.content, read["ETag"])


@pytest.mark.django_db(transaction=True)
def test_edit__any__one_transaction_without_savepoints(editor: APIClient, elara: Personality) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert editor.patch(ELARA, {"greeting": "Hi."}).status_code == 200
    statements = [query["sql"] for query in queries]
    assert [sql for sql in statements if sql in ("BEGIN", "COMMIT")] == ["BEGIN", "COMMIT"]
    assert not [sql for sql in statements if "SAVEPOINT" in sql]
