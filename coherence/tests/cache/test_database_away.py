"""The database does not answer: the error in time, and copies are served all the same."""

from collections.abc import Callable
from time import monotonic

import psycopg
import pytest
from django.db import OperationalError, connection

from coherence import cache as module
from coherence.cache import Answer, CoherentCache
from coherence.tests.cache.rows import ID, NOBODY, clear_memory, rename, users_locked
from coherence.tests.cache.stand_ins import InRedis
from tests.waiting import MAX_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


def test_database__does_not_answer__the_error_in_time_and_nothing_is_kept(
    names: CoherentCache[int, str], known: None, shared: InRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_memory(names)
    shared.clear()
    monkeypatch.setattr(module, "LOAD_SECONDS", 0.3)
    started = monotonic()
    with users_locked(), pytest.raises(OperationalError, match="did not answer in time"):
        names.get_many([ID, NOBODY])
    assert monotonic() - started < MAX_SECONDS / 4
    assert len(names.positive) == len(names.negative) == len(shared.get_many([ID, NOBODY])) == 0
    monkeypatch.setattr(module, "LOAD_SECONDS", MAX_SECONDS)
    assert names.get(ID) == Answer("old", "database")


def test_database__our_connection_was_ended__the_error_and_then_a_new_one(
    names: CoherentCache[int, str], known: None, tell: Callable[[], None]
) -> None:
    rename("new")
    tell()
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
    with pytest.raises(OperationalError):
        names.get(ID)
    assert names.get(ID) == Answer("new", "database")


def test_database__does_not_answer_about_one__copies_of_others_are_served(
    names: CoherentCache[int, str], known: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOAD_SECONDS", 0.3)
    with users_locked():
        with pytest.raises(OperationalError):
            names.get(NOBODY)
        assert names.get(ID) == Answer("old", "near")
