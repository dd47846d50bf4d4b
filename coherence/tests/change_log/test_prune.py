"""What is deleted from the log, and when."""

from collections.abc import Callable

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection

from coherence import change_log
from coherence.tests.change_log.lines import TOUCH, Session, lines
from coherence.tests.log_access import CLOCK
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)
DAY = 24 * 60 * 60 * 1000  # in the unit of the numbers


def age_of_lines(*days: float) -> list[int]:
    """Make a log of lines that are so many days old, and of nothing else; return their numbers."""
    sql("DELETE FROM coherence_change")
    sql("DELETE FROM coherence_milestone")
    now = sql(f"SELECT {CLOCK}")[0][0]
    numbers = [now - int(day * DAY) for day in days]
    for line in numbers:
        sql("INSERT INTO coherence_change (number, key) VALUES (%s, 'old')", line)
    return numbers


def prune() -> list[int]:
    """Prune the log; return the numbers that are left."""
    with connection.cursor() as cursor:
        change_log.prune(cursor)
    return [line for (line,) in sql("SELECT number FROM coherence_change ORDER BY number")]


def days_go_by(days: float) -> None:
    """Make all milestones so many days older."""
    sql("UPDATE coherence_milestone SET reached_at = reached_at - make_interval(hours => %s)", int(days * 24))


def milestones() -> list[int]:
    return [number for (number,) in sql("SELECT number FROM coherence_milestone ORDER BY number")]


def test_prune__lines_of_all_ages__those_within_the_retention_stay() -> None:
    old, _, young, newest = age_of_lines(30, change_log.RETENTION_DAYS + 0.1, change_log.RETENTION_DAYS - 0.1, 0)
    assert old < young
    assert prune() == [young, newest]


def test_prune__all_are_too_old__the_newest_stays() -> None:
    _, newest = age_of_lines(30, 20)
    assert prune() == [newest]


def test_prune__log_without_a_line__nothing_happens() -> None:
    assert age_of_lines() == prune() == milestones() == []


def test_prune__a_clock_was_a_year_ahead__its_lines_go_by_their_age() -> None:
    first, second = age_of_lines(-364.99, -365)
    assert prune() == [first, second]
    days_go_by(change_log.RETENTION_DAYS - 0.5)
    sql("INSERT INTO coherence_change (number, key) VALUES (%s, 'new')", second + 1)
    assert prune() == [first, second, second + 1]
    days_go_by(0.75)
    assert prune() == [second, second + 1]
    days_go_by(change_log.RETENTION_DAYS)
    assert prune() == [second + 1]


def test_prune__now_and_then__a_milestone_each_hour_and_no_more_than_are_needed() -> None:
    (first,) = age_of_lines(0)
    for _ in range(3):
        prune()
    assert milestones() == [first]
    numbers = [first]
    for _ in range(3):
        days_go_by(4)
        numbers.append(numbers[-1] + 1)
        sql("INSERT INTO coherence_change (number, key) VALUES (%s, 'new')", numbers[-1])
        prune()
    assert milestones() == numbers[1:]  # the first is older than another that is old enough


def test_prune__a_milestone_of_a_clock_that_was_ahead__noted_again() -> None:
    (number,) = age_of_lines(0)
    prune()
    days_go_by(-365)
    prune()
    assert sql("SELECT number FROM coherence_milestone WHERE reached_at <= now()") == [(number,)]


def test_prune__more_than_are_deleted_at_once__the_oldest_go_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_log, "PRUNE", change_log.PRUNE.replace(f"LIMIT {change_log.PRUNED_AT_ONCE}", "LIMIT 2"))
    monkeypatch.setattr(change_log, "PRUNED_AT_ONCE", 2)
    *_, third, newest = age_of_lines(30, 29, 28, 0)
    with connection.cursor() as cursor:
        assert change_log.prune(cursor) is True
        assert prune() == [newest]
        assert change_log.prune(cursor) is False
    assert third < newest


def while_another_prunes(other: "psycopg.Connection[object]") -> None:
    other.execute(change_log.PRUNE.encode())


def while_another_writes(other: "psycopg.Connection[object]") -> None:
    other.execute(TOUCH, ["ada"])
    other.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("meanwhile", [while_another_prunes, while_another_writes])
def test_prune__meanwhile_in_an_open_transaction__nobody_waits(
    session: Session, meanwhile: Callable[["psycopg.Connection[object]"], None]
) -> None:
    User.objects.create(username="ada")
    age_of_lines(30, 0)
    other = session()
    with other.transaction():
        meanwhile(other)
        sql("SET lock_timeout = '1s'")
        prune()
        sql("SET lock_timeout = 0")
    assert len(lines(0)) == 1 + (meanwhile is while_another_writes)


def test_write__while_another_prunes__does_not_wait(session: Session) -> None:
    User.objects.create(username="ada")
    age_of_lines(30, 0)
    other, writer = session(), session()
    writer.execute("SET statement_timeout = '2s'")
    with other.transaction():
        while_another_prunes(other)
        writer.execute(TOUCH, ["ada"])
