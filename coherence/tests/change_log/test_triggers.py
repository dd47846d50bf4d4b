"""Which keys are noted: each write of each watched table, in SQL, against what Python calls the row."""

import json
from collections.abc import Callable
from typing import Any

import pgtrigger
import pytest
from django.apps import apps
from django.contrib.auth.models import User, update_last_login

from coherence.cache import CoherentCache
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = {"personality": "personalities_personality", "api_key": "accounts_apikey", "user": "auth_user"}
if apps.is_installed("preferences"):
    TABLES["preferences"] = "preferences_preferences"
IDS = {"preferences": "user_id"}
KINDS = [*TABLES]


@pytest.fixture
def noted() -> Callable[[], set[str]]:
    """A function that returns which keys were noted since its last call."""
    known = [0]

    def ask() -> set[str]:
        lines = sql("SELECT number, key FROM coherence_change WHERE number > %s ORDER BY 1", known[0])
        known[0] = max([known[0], *(number for number, _ in lines)])
        return {key for _, key in lines}

    return ask


def log_key(kind: str, key: Any) -> str:
    """The key of a row as Python spells it."""
    return CoherentCache.by_kind[kind].log_key(key)


def personality(name: str, owner: User | None = None) -> Any:
    return apps.get_model("personalities", "Personality")._base_manager.create(personality_name=name, owner=owner)


def make(kind: str, user: User) -> tuple[Any, str]:
    """Insert a row; return its id and the key under which it should be noted."""
    if kind == "personality":
        row = personality("elara")
        return row.pk, log_key(kind, row.key)
    if kind == "api_key":
        row = apps.get_model("accounts", "ApiKey")._base_manager.create(user=user, prefix="abcdefgh")
        return row.pk, log_key(kind, row.prefix)
    if kind == "preferences":
        apps.get_model("preferences", "Preferences")._base_manager.create(user=user)
        return user.pk, log_key(kind, user.pk)
    row = User.objects.create(username="new")
    return row.pk, log_key(kind, row.pk)


@pytest.mark.parametrize("kind", KINDS)
def test_row__each_write_in_sql__noted_as_python_calls_it(kind: str, user: User, noted: Callable[[], set[str]]) -> None:
    table, column, (id, key) = TABLES[kind], IDS.get(kind, "id"), make(kind, user)
    ((row,),) = sql(f"SELECT row_to_json(t) FROM {table} t WHERE {column} = %s", id)
    noted()
    sql(f"DELETE FROM {table} WHERE {column} = %s", id)
    assert noted() == {key}
    text = row if isinstance(row, str) else json.dumps(row)
    sql(f"INSERT INTO {table} SELECT * FROM json_populate_record(NULL::{table}, %s)", text)
    assert noted() == {key}
    sql(f"UPDATE {table} SET {column} = {column} WHERE {column} = %s", id)
    assert noted() == {key}
    sql(f"UPDATE {table} SET {column} = {column} WHERE false")
    assert noted() == set()


@pytest.mark.parametrize("kind", KINDS)
def test_table__truncated__everything_noted(kind: str, user: User, noted: Callable[[], set[str]]) -> None:
    make(kind, user)
    noted()
    sql(f"TRUNCATE {TABLES[kind]} CASCADE")
    assert noted() == {"*"}


@pytest.mark.parametrize("kind", KINDS)
def test_table__truncated_without_a_row__everything_noted(kind: str, noted: Callable[[], set[str]]) -> None:
    noted()
    sql(f"TRUNCATE {TABLES[kind]} CASCADE")
    assert noted() == {"*"}


@pytest.mark.parametrize("name", ["elara", "a", "0-9_z", "x" * 100])
def test_personality__global_and_owned__noted_as_their_redis_keys_begin(
    name: str, user: User, noted: Callable[[], set[str]]
) -> None:
    noted()
    for owner in (None, user):
        row = personality(name, owner)
        assert noted() == {log_key("personality", (owner and owner.pk, name))} == {log_key("personality", row.key)}


@pytest.mark.parametrize("owned", [False, True])
def test_personality__renamed__both_names_noted(owned: bool, user: User, noted: Callable[[], set[str]]) -> None:
    owner = user if owned else None
    row = personality("elara", owner)
    noted()
    sql("UPDATE personalities_personality SET personality_name = 'nova' WHERE id = %s", row.pk)
    assert noted() == {log_key("personality", (owner and owner.pk, name)) for name in ("elara", "nova")}


def test_personality__given_to_somebody__both_owners_noted(user: User, noted: Callable[[], set[str]]) -> None:
    row = personality("elara")
    noted()
    sql("UPDATE personalities_personality SET owner_id = %s WHERE id = %s", user.pk, row.pk)
    assert noted() == {log_key("personality", (owner, "elara")) for owner in (None, user.pk)}


def test_personality__names_swapped_in_one_transaction__all_of_them_noted(noted: Callable[[], set[str]]) -> None:
    rows = [personality(name) for name in ("elara", "nova")]
    noted()
    steps = [("swap", rows[0]), ("elara", rows[1]), ("nova", rows[0])]
    for name, row in steps:
        sql("UPDATE personalities_personality SET personality_name = %s WHERE id = %s", name, row.pk)
    assert noted() == {log_key("personality", (None, name)) for name in ("elara", "nova", "swap")}


def test_api_key__another_prefix__both_noted(user: User, noted: Callable[[], set[str]]) -> None:
    id, key = make("api_key", user)
    noted()
    sql("UPDATE accounts_apikey SET prefix = 'stuvwxyz' WHERE id = %s", id)
    assert noted() == {key, log_key("api_key", "stuvwxyz")}


def test_user__deleted_with_all_that_is_theirs__all_noted(user: User, noted: Callable[[], set[str]]) -> None:
    keys = {make(kind, user)[1] for kind in TABLES.keys() & {"api_key", "preferences"}}
    row = personality("elara", user)
    noted()
    expected = {*keys, log_key("personality", row.key), log_key("user", user.pk)}
    user.delete()
    assert noted() == expected


def test_user__logs_in__nothing_noted(user: User, noted: Callable[[], set[str]]) -> None:
    noted()
    update_last_login(User, user)
    sql("UPDATE auth_user SET last_login = now(), password = 'x' WHERE id = %s", user.pk)
    assert noted() == set()


@pytest.mark.parametrize("column", ["is_superuser", "is_staff", "is_active"])
def test_user__may_do_other_things_now__noted(column: str, user: User, noted: Callable[[], set[str]]) -> None:
    noted()
    sql(f"UPDATE auth_user SET {column} = NOT {column} WHERE id = %s", user.pk)
    assert noted() == {log_key("user", user.pk)}


def declared() -> list[tuple[Any, pgtrigger.Trigger]]:
    """The triggers of the change log that models declare, whether of our own apps or not."""
    every = apps.get_models(include_auto_created=True)
    triggers = [(model, trigger) for model in every for trigger in getattr(model._meta, "triggers", ())]
    return [(model, trigger) for model, trigger in triggers if trigger.name.startswith("note_")]


def test_pg_trigger__every_model_that_declares_some__has_them_switched_on() -> None:
    rows = sql("SELECT tgrelid::regclass::text, tgname, tginitdeferred FROM pg_trigger WHERE tgenabled = 'O'")
    found = {(table, name): is_deferred for table, name, is_deferred in rows}
    assert {model._meta.db_table for model, _ in declared()} == set(TABLES.values())
    for model, trigger in declared():
        is_of_rows = trigger.name == "note_changes"
        assert found[model._meta.db_table, trigger.get_pgid(model)] is is_of_rows


def test_declared__every_watched_table__rows_and_truncation() -> None:
    names = {(model._meta.db_table, trigger.name) for model, trigger in declared()}
    assert names == {(table, name) for table in TABLES.values() for name in ("note_changes", "note_truncation")}
