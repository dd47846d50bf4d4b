"""Which copies the feed lets count, by what a process knows of a real change log."""

import subprocess
import sys

import pytest
from django.db import transaction

from coherence import change_log
from coherence import feed as module
from coherence.feed import ChangeFeed, catch_up_on_commit
from coherence.tests.feed.answers import is_current, may_be_outdated
from coherence.tests.log_access import record

pytestmark = pytest.mark.django_db(transaction=True)
FORK = """
import os, signal, sys
import django
django.setup()
from coherence.feed import feed
with feed._lock:  # as if another thread were taking in what it has read
    child = os.fork()
    if not child:
        signal.alarm(10)
        with feed._lock:
            os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_current__before_the_first_answer__nothing_is(feed: ChangeFeed) -> None:
    assert not is_current(feed, "a", record("a"))
    assert not feed.in_touch
    assert feed.age == float("inf")


def test_current__changed_since__not(feed: ChangeFeed) -> None:
    before = record("b")
    feed.catch_up()
    after = record("a")
    feed.catch_up()
    assert [is_current(feed, "a", number) for number in (before, after - 1, after)] == [False, False, True]
    assert [may_be_outdated(feed, "a", number) for number in (before, after - 1, after)] == [True, True, False]
    assert is_current(feed, "b", before)
    assert not may_be_outdated(feed, "b", before)


def test_current__a_key_of_three_parts_changed__that_of_its_group_too_and_no_other(feed: ChangeFeed) -> None:
    before = record("x")
    feed.catch_up()
    record("kind:7:mira:more", "kind:8")
    feed.catch_up()
    changed = ["kind:7:mira:more", "kind:7", "kind:8"]
    others = ["kind", "kind:", "kind:77", "kind:7:mira", "kind:7:nova", "kind:8:mira", ""]
    assert [key for key in changed + others if not is_current(feed, key, before)] == changed


def test_current__a_number_above_ours__neither_believed_nor_outdated(feed: ChangeFeed) -> None:
    record("b")
    feed.catch_up()
    number = record("a")
    assert not is_current(feed, "a", number)
    assert not may_be_outdated(feed, "a", number)


def test_current__everything_changed__nothing_from_before(feed: ChangeFeed) -> None:
    before = record("a")
    feed.catch_up()
    change_log.record()
    feed.catch_up()
    assert not is_current(feed, "a", before)
    assert not is_current(feed, "of which no line tells", before)
    assert is_current(feed, "a", feed.number)
    assert not feed.latest


def test_catch_up_on_commit__nobody_listens__our_own_commit_is_known_once_it_is_one(
    feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "feed", feed)
    before = record("b")
    feed.catch_up()
    with transaction.atomic():
        change_log.record(["a"])
        catch_up_on_commit()
        assert is_current(feed, "a", before)
    assert not is_current(feed, "a", before)


def test_fork__while_another_thread_takes_lines__child_is_not_locked() -> None:
    assert subprocess.run([sys.executable, "-c", FORK], timeout=60).returncode == 0
