"""The name of the database's history: the same as long as no commit can have been lost."""

import pytest
from django.contrib.auth.models import User
from django.db import connection

from coherence import change_log
from coherence.change_log import NumberedQuery, Position
from coherence.tests.change_log.lines import Session
from coherence.tests.log_access import history, record
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def name() -> str:
    begin("")
    return history()


def told() -> str | None:
    with connection.cursor() as cursor:
        return change_log.since(cursor, 0, change_log.MAX_ENTRIES_PER_POLL).history


def begin(lost: str, number: int = 0) -> None:
    with connection.cursor() as cursor:
        change_log.begin_history(cursor, Position(lost, number))


def test_history__commits_and_other_sessions__the_same(name: str, session: Session) -> None:
    record("a")
    assert told() == name
    assert change_log.since(session().cursor(), 0, change_log.MAX_ENTRIES_PER_POLL).history == name
    begin("")
    assert told() == name


def by_a_promotion() -> None:
    sql("UPDATE coherence_history SET place = replace(place, public.coherence_timeline(), '0000000A')")


def by_a_copy_of_the_database() -> None:
    sql("UPDATE coherence_history SET place = replace(place, '/', '/1')")


def by_a_restored_row() -> None:
    ((name, place),) = sql("DELETE FROM coherence_history RETURNING name, place")
    sql("INSERT INTO coherence_history VALUES (1, %s, %s)", name, place)


def by_a_restore_without_it() -> None:
    sql("TRUNCATE coherence_history")


@pytest.mark.parametrize(
    "come", [by_a_promotion, by_a_copy_of_the_database, by_a_restored_row, by_a_restore_without_it]
)
def test_history__the_database_is_elsewhere__another_from_the_next_beginning_on(name: str, come: object) -> None:
    assert callable(come)
    come()
    assert told() is None
    begin("")
    another = told()
    assert another not in (None, "", name)
    begin("")
    assert told() == another


def test_begin__commits_are_lost__once_however_many_say_so(name: str) -> None:
    number = record("a") + 1
    begin(name, number)
    another = told()
    assert another not in (None, "", name)
    begin(name, number)
    assert told() == another


def test_begin__the_log_is_empty__commits_are_lost(name: str) -> None:
    sql("DELETE FROM coherence_change")
    begin(name, 5)
    assert told() not in (None, "", name)


def test_begin__the_number_is_older_than_the_log__the_same(name: str) -> None:
    """It was pruned."""
    sql("DELETE FROM coherence_change")
    oldest = record("a")
    begin(name, oldest - 1)
    assert told() == name
    begin(name, oldest)
    assert told() != name


def test_history__a_role_that_may_do_nothing_else__names_and_reads_it(name: str, session: Session) -> None:
    ordinary = session()
    sql("CREATE ROLE unit_reader; GRANT SELECT ON coherence_change TO unit_reader")
    sql("GRANT SELECT, INSERT, UPDATE ON coherence_history TO unit_reader")
    try:
        by_a_promotion()
        ordinary.execute("SET ROLE unit_reader")
        change_log.begin_history(ordinary.cursor(), Position("", 0))
        assert change_log.since(ordinary.cursor(), 0, change_log.MAX_ENTRIES_PER_POLL).history == told() != name
    finally:
        ordinary.close()
        sql("DROP OWNED BY unit_reader; DROP ROLE unit_reader")


def test_history__elsewhere_and_nobody_may_write__empty(session: Session) -> None:
    by_a_restored_row()
    reader = session()
    reader.execute("SET default_transaction_read_only = on")
    assert change_log.since(reader.cursor(), 0, change_log.MAX_ENTRIES_PER_POLL).history == ""


def test_numbered_query__rows__with_the_history(name: str) -> None:
    User.objects.create(username="ada")
    query: NumberedQuery[User] = NumberedQuery("auth.User", "username = %(name)s")
    position, _ = query(name="ada")
    assert position
    assert position.history == name
    by_a_restore_without_it()
    position, _ = query(name="ada")
    assert position
    assert position.history == ""
