"""What is to follow a commit: when it is called, and who hears of it when it fails."""

import logging

import pytest
from django.db import transaction

from resilience.transactions import after_commit

pytestmark = pytest.mark.django_db(transaction=True)


def test_after_commit__no_transaction__called_at_once() -> None:
    called: list[int] = []
    after_commit(called.append, 1)
    assert called == [1]


def test_after_commit__in_a_transaction__called_once_it_commits_and_in_order() -> None:
    called: list[int] = []
    with transaction.atomic():
        with transaction.atomic():
            after_commit(called.append, 1)
        after_commit(called.append, 2)
        assert called == []
    assert called == [1, 2]


def test_after_commit__rolled_back__never_called() -> None:
    called: list[int] = []
    with transaction.atomic():
        after_commit(called.append, 1)
        transaction.set_rollback(True)
    with transaction.atomic():
        pass
    assert called == []


def fail_for_some_reason() -> None:
    raise ValueError("for some reason")


def test_after_commit__fails__logged_by_its_name_and_nobody_else_hears(caplog: pytest.LogCaptureFixture) -> None:
    called: list[int] = []
    with caplog.at_level(logging.ERROR), transaction.atomic():
        after_commit(fail_for_some_reason)
        after_commit(called.append, 1)
    assert called == [1]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "fail_for_some_reason" in caplog.text
    assert "for some reason" in caplog.text
