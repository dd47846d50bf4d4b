"""How a commit gets its number: the SQL function coherence_note, called by deferred triggers."""

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import transaction

from coherence.tests.change_log.lines import IMMEDIATE, TOUCH, Session, key_of, keys, lines, one_commit
from coherence.tests.log_access import number
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)


def test_number__a_transaction_of_several_statements__one(users: list[str]) -> None:
    with one_commit(number(), 3), transaction.atomic():
        for name in [*users[:3], users[0]]:
            sql(TOUCH, name)


def test_number__a_thousand_rows_in_one_statement__one(users: list[str]) -> None:
    with one_commit(number(), 1000):
        User.objects.bulk_create([User(username=f"many-{number}") for number in range(1000)])


def test_number__two_transactions_of_one_session__two(session: Session, users: list[str]) -> None:
    known, writer = number(), session()
    for name in users[:2]:
        writer.execute(TOUCH, [name])
    assert keys(known) == [key_of(name) for name in users[:2]]


def test_number__rolled_back__no_line(users: list[str]) -> None:
    known = number()
    with transaction.atomic():
        sql(TOUCH, users[0])
        sql(IMMEDIATE)
        transaction.set_rollback(True)
    assert lines(known) == []
    sql(TOUCH, users[1])  # the session's next transaction does not take itself for that one
    assert keys(known) == [key_of(users[1])]


@pytest.mark.parametrize("immediate", [False, True])
def test_number__rolled_back_to_a_savepoint__only_what_is_left(users: list[str], immediate: bool) -> None:
    with one_commit(number(), 2), transaction.atomic():
        sql(TOUCH, users[0])
        with transaction.atomic():
            sql(TOUCH, users[1])
            if immediate:
                sql(IMMEDIATE)
            transaction.set_rollback(True)
        sql(TOUCH, users[2])


def test_number__taken_inside_a_savepoint_that_is_rolled_back__the_lock_is_taken_again(
    session: Session, users: list[str]
) -> None:
    known, other = number(), session()
    with transaction.atomic():
        with transaction.atomic():
            sql(TOUCH, users[0])
            sql(IMMEDIATE)
            transaction.set_rollback(True)
        other.execute(TOUCH, [users[1]])  # nobody holds it
        sql(TOUCH, users[2])
    assert keys(known) == [key_of(users[1]), key_of(users[2])]


def test_number__constraints_immediate_in_mid_transaction__one_and_others_wait(
    session: Session, users: list[str]
) -> None:
    other = session()
    other.execute("SET lock_timeout = '100ms'")
    with one_commit(number(), 2), transaction.atomic():
        sql(TOUCH, users[0])
        sql(IMMEDIATE)
        with pytest.raises(psycopg.errors.LockNotAvailable):  # its number would be seen before this lower one
            other.execute(TOUCH, [users[1]])
        sql(TOUCH, users[2])
    other.execute(TOUCH, [users[1]])
