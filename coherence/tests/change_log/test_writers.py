"""Whoever writes, under whatever isolation, rights and search path: it commits, and is noted."""

import json
from typing import Any

import psycopg
import pytest
from django.apps import apps

from coherence.tests.change_log.lines import TOUCH, Session, key_of, keys
from coherence.tests.log_access import NUMBER, number
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)
PERSONALITIES = "public.personalities_personality"


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_writer__of_a_stricter_isolation_while_others_commit__commits(
    session: Session, users: list[str], isolation: str
) -> None:
    known, strict, other = number(), session(), session()
    with strict.transaction():
        strict.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        strict.execute("SELECT count(*) FROM auth_user")  # its snapshot is from now
        other.execute(TOUCH, [users[1]])
        strict.execute(TOUCH, [users[0]])
        other.execute(TOUCH, [users[2]])
    assert keys(known) == [key_of(users[n]) for n in (1, 2, 0)]


def test_writers__both_serializable__both_commit(session: Session, users: list[str]) -> None:
    known, sessions = number(), [session(), session()]
    row = sql("SELECT row_to_json(u) FROM auth_user u WHERE username = %s", users[0])[0][0]
    for one in sessions:
        one.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
    for id, one in enumerate(sessions, 1_000_000):
        new = json.dumps(as_dict(row) | {"id": id, "username": f"new-{id}"})
        one.execute("INSERT INTO auth_user SELECT * FROM json_populate_record(NULL::auth_user, %s)", [new])
    for one in reversed(sessions):
        one.execute("COMMIT")
    assert keys(known) == ["user:1000001", "user:1000000"]


def as_dict(row: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(row) if isinstance(row, str) else row
    return loaded


@pytest.fixture
def row(db: None) -> dict[str, Any]:
    """The columns of a row of personalities, which has been deleted again."""
    model = apps.get_model("personalities", "Personality")
    model._base_manager.create(personality_name="elara")
    row = sql(f"SELECT row_to_json(p) FROM {PERSONALITIES} p")[0][0]
    sql(f"DELETE FROM {PERSONALITIES}")
    return as_dict(row)


def write_all_ways(writer: "psycopg.Connection[Any]", row: dict[str, Any]) -> None:
    known = number()
    record = f"SELECT * FROM json_populate_record(NULL::{PERSONALITIES}, %s)"
    writer.execute(f"INSERT INTO {PERSONALITIES} {record}", [json.dumps(row)])
    writer.execute(f"UPDATE {PERSONALITIES} SET greeting = 'Hi'")
    writer.execute(f"DELETE FROM {PERSONALITIES}")
    assert keys(known) == ["personality:global:elara"] * 3


def test_writer__may_write_the_table_and_nothing_else__noted(session: Session, row: dict[str, Any]) -> None:
    writer = session()
    sql(f"CREATE ROLE unit_writer; GRANT INSERT, UPDATE, DELETE ON {PERSONALITIES} TO unit_writer")
    try:
        writer.execute("SET ROLE unit_writer")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute(NUMBER)
        write_all_ways(writer, row)
    finally:
        writer.close()
        sql("DROP OWNED BY unit_writer; DROP ROLE unit_writer")


def test_writer__empty_search_path__noted(session: Session, row: dict[str, Any]) -> None:
    writer = session()
    writer.execute("SET search_path = ''")
    write_all_ways(writer, row)


def test_writer__temporary_things_of_the_same_names__noted_where_it_should(
    session: Session, row: dict[str, Any]
) -> None:
    writer = session()
    writer.execute("CREATE TEMP TABLE coherence_change (number bigint, key text)")
    writer.execute("CREATE TEMP SEQUENCE coherence_number")
    write_all_ways(writer, row)
    assert writer.execute("SELECT count(*) FROM pg_temp.coherence_change").fetchall() == [(0,)]
