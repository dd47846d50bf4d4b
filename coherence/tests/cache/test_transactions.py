"""Lookups inside a transaction, however it was begun: it reads its own writes, and nobody else does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from coherence.cache import Answer, CoherentCache
from coherence.tests.cache.rows import ID, NOBODY, OTHER, clear_memory, insert, rename
from coherence.tests.cache.stand_ins import InRedis
from tests.database import Count, sql

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def atomic() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def atomic_after_an_error() -> Iterator[None]:
    with atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            insert(ID, "twice")
        yield


@contextmanager
def autocommit_off() -> Iterator[None]:
    transaction.set_autocommit(False)
    try:
        sql("SELECT 1")
        yield
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


@contextmanager
def begin_by_hand() -> Iterator[None]:
    sql("BEGIN")
    try:
        yield
    finally:
        sql("ROLLBACK")


TRANSACTIONS = pytest.mark.parametrize("in_transaction", [atomic, atomic_after_an_error, autocommit_off, begin_by_hand])


@TRANSACTIONS
def test_transaction__it_has_written__reads_its_own_and_nobody_else_does(
    names: CoherentCache[int, str], known: None, shared: InRedis, in_transaction: Callable[[], Any]
) -> None:
    with in_transaction():
        rename("mine")
        assert names.get(ID) == Answer("mine", "database")
    assert shared.get_many([ID])[ID][1] == "old"
    assert names.get(ID) == Answer("old", "near")
    clear_memory(names)
    assert names.get(ID) == Answer("old", "redis")


@TRANSACTIONS
def test_transaction__nothing_is_kept_yet__nothing_is_kept(
    names: CoherentCache[int, str], known: None, shared: InRedis, in_transaction: Callable[[], Any]
) -> None:
    clear_memory(names)
    shared.clear()
    with in_transaction():
        rename("mine")
        insert(OTHER, "mine too")
        answers = names.get_many([ID, OTHER, NOBODY])
    assert {key: answer.value for key, answer in answers.items()} == {ID: "mine", OTHER: "mine too", NOBODY: None}
    assert len(names.positive) == len(names.negative) == len(shared.get_many([ID, OTHER])) == 0
    assert names.get_many([ID, OTHER]) == {ID: Answer("old", "database"), OTHER: Answer(None, "database")}


@TRANSACTIONS
def test_transaction__over__copies_are_read_and_kept_again(
    names: CoherentCache[int, str],
    known: None,
    in_transaction: Callable[[], Any],
    django_assert_num_queries: Count,
) -> None:
    with in_transaction():
        pass
    names.get(NOBODY)
    with django_assert_num_queries(0):
        assert {answer.source for answer in names.get_many([ID, NOBODY]).values()} == {"near"}


@pytest.mark.parametrize("begin", [atomic, begin_by_hand])
def test_transaction__broken_by_an_error__no_copy_is_read_and_afterwards_they_are(
    names: CoherentCache[int, str], known: None, begin: Callable[[], Any]
) -> None:
    with suppress(TransactionManagementError), begin():
        with pytest.raises(IntegrityError):
            insert(ID, "twice")
        connection.needs_rollback = connection.in_atomic_block  # as `save` does
        with pytest.raises(DatabaseError if begin is begin_by_hand else TransactionManagementError):
            names.get(ID)
    assert len(names.negative) == 0
    assert names.get(ID) == Answer("old", "near")
