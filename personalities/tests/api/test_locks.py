"""An author locks preferences: in the API, the admin, files and SQL, and the history knows of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import Error, connection
from django.test import Client
from rest_framework.test import APIClient

from personalities import history
from personalities.config import PREFERENCES
from personalities.models import Personality
from personalities.tests.admin.browser import allowed
from personalities.tests.api.conftest import ELARA, LIST
from personalities.tests.files.commands import edit, export, imported

pytestmark = pytest.mark.django_db(transaction=True)
LOCKS = ["formality", "tone"]
CHANGE = "/admin/personalities/personality/{}/change/"


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_api__locks__written_and_read_in_one_order(editor: APIClient) -> None:
    made = editor.post(LIST, {"personality_name": "mira", "locked_preferences": ["tone", "formality"]})
    assert made.status_code == 201
    read = editor.get(f"{LIST}mira/")
    assert read.json()["locked_preferences"] == LOCKS
    same = editor.patch(f"{LIST}mira/", {"locked_preferences": ["formality", "tone"]})
    assert same["ETag"] == made["ETag"] == read["ETag"]


def test_api__left_out__none_kept_by_patch_and_cleared_by_put(editor: APIClient, elara: Personality) -> None:
    assert editor.get(ELARA).json()["locked_preferences"] == []
    editor.patch(ELARA, {"locked_preferences": LOCKS})
    assert editor.patch(ELARA, {"greeting": "Hi."}).json()["locked_preferences"] == LOCKS
    replaced = editor.put(ELARA, {"personality_name": "elara"}, headers={"If-Match": "*"})
    assert replaced.json()["locked_preferences"] == []


@pytest.mark.parametrize(
    ("locks", "field"),
    [
        (["charm"], "locked_preferences.0"),
        (["tone", 5], "locked_preferences.1"),
        ([["tone"]], "locked_preferences.0"),
        (["tone", None], "locked_preferences.1"),
        (["tone", "tone"], "locked_preferences"),
        ([*PREFERENCES, "tone"], "locked_preferences"),
        ("tone", "locked_preferences"),
        ({"tone": True}, "locked_preferences"),
        (None, "locked_preferences"),
        (True, "locked_preferences"),
    ],
)
def test_api__bad_locks__400_names_them(editor: APIClient, elara: Personality, locks: Any, field: str) -> None:
    answer = editor.patch(ELARA, {"locked_preferences": locks})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert Personality.objects.get().locked_preferences == []


def test_history__locks__compared_and_undone(editor: APIClient, elara: Personality) -> None:
    editor.patch(ELARA, {"locked_preferences": LOCKS})
    changes = editor.get(f"{ELARA}versions/1...2/").json()["changes"]
    assert changes == [{"field": "locked_preferences", "before": [], "after": LOCKS}]
    assert editor.post(f"{ELARA}rollback/", {"version": 1}).json()["locked_preferences"] == []
    assert editor.post(f"{ELARA}rollback/", {"version": 2}).json()["locked_preferences"] == LOCKS


def test_history__from_before_there_were_locks__none(elara: Personality) -> None:
    version = history.versions(elara)[0]
    del version.state["locked_preferences"]
    assert version.to_config().locked_preferences == ()


@pytest.mark.parametrize("locks", ["{charm}", "{tone,NULL}", "{{tone},{charm}}", None])
def test_sql__no_locks__refused(elara: Personality, locks: str | None) -> None:
    with pytest.raises(Error):
        sql("UPDATE personalities_personality SET locked_preferences = %s", locks)


def test_sql__any_order_and_twice__read_once_in_order(elara: Personality) -> None:
    sql("UPDATE personalities_personality SET locked_preferences = '{tone,formality,tone}'")
    elara.refresh_from_db()
    assert list(elara.to_config().locked_preferences) == LOCKS


def write_without(*unknown: str) -> None:
    """Insert all rows again, as a program does that does not know the columns `unknown`."""
    fields = [field for field in Personality._meta.concrete_fields if field.name not in unknown]
    columns = ", ".join(str(field.column) for field in fields)
    sql(f"CREATE TEMP TABLE was AS SELECT {columns} FROM personalities_personality")
    sql("DELETE FROM personalities_personality")
    sql(f"INSERT INTO personalities_personality ({columns}) SELECT {columns} FROM was")
    sql("DROP TABLE was")


def test_sql__writer_that_does_not_know_the_column__none(elara: Personality) -> None:
    write_without("locked_preferences")
    assert Personality.objects.get().locked_preferences == []


def test_files__locks__out_and_in_again(elara: Personality, tmp_path: Path) -> None:
    Personality.objects.update(locked_preferences=LOCKS)
    export(tmp_path)
    assert json.loads((tmp_path / "elara.json").read_bytes())["locked_preferences"] == LOCKS
    assert imported(tmp_path)["unchanged"] == ["elara"]
    edit(tmp_path, "elara", locked_preferences=["call_me"])
    assert imported(tmp_path)["changed"]
    assert Personality.objects.get().locked_preferences == ["call_me"]


def form(row: Personality, **changes: Any) -> dict[str, Any]:
    fields = {name: value for name, value in vars(row).items() if value is not None and not name.startswith("_")}
    return (
        {name: value for name, value in fields.items() if value is not False}
        | {"owner": "", "seen": row.version}
        | changes
    )


def test_admin__boxes__show_set_and_clear_locks(admin_client: Client, elara: Personality) -> None:
    url = CHANGE.format(elara.pk)
    assert admin_client.post(url, form(elara, locked_preferences=LOCKS)).status_code == 302
    page = admin_client.get(url).content.decode()
    assert page.count('type="checkbox" name="locked_preferences"') == len(PREFERENCES)
    assert Personality.objects.get().locked_preferences == LOCKS
    elara.refresh_from_db()
    assert admin_client.post(url, form(elara, locked_preferences=[])).status_code == 302
    assert Personality.objects.get().locked_preferences == []


def test_admin__unknown_lock__an_error_at_the_boxes(admin_client: Client, elara: Personality) -> None:
    answer = admin_client.post(CHANGE.format(elara.pk), form(elara, locked_preferences=["charm"]))
    assert list(answer.context["adminform"].form.errors) == ["locked_preferences"]


def test_admin__may_only_look__reads_the_locks(elara: Personality) -> None:
    Personality.objects.update(locked_preferences=LOCKS)
    page = allowed("view_personality").get(CHANGE.format(elara.pk)).content.decode()
    assert "formality, tone" in page
    assert 'type="checkbox" name="locked_preferences"' not in page
