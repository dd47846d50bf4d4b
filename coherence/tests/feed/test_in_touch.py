"""Answers that are slow or overtaken: what is known stays, and since when the feed is in touch."""

import pytest

from coherence.feed import IN_TOUCH_SECONDS, ChangeFeed
from coherence.tests.feed.answers import Late, is_current
from coherence.tests.log_access import record
from tests.waiting import Clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("older", "newer"), [("a", "a"), ("a", "*"), ("*", "a"), ("*", "*")])
def test_poll__an_older_answer_taken_last__what_is_known_stays(feed: ChangeFeed, older: str, newer: str) -> None:
    record("b")
    feed.catch_up()
    number = record(older)

    def meanwhile() -> None:
        record(newer)
        feed.catch_up()

    feed.poll(Late(meanwhile))
    assert not is_current(feed, "a", number)
    assert is_current(feed, "a", feed.number)


def test_poll__slow_answer__in_touch_since_it_was_asked(feed: ChangeFeed, clock: Clock) -> None:
    def meanwhile() -> None:
        clock.now += IN_TOUCH_SECONDS + 0.1

    feed.poll(Late(meanwhile))
    assert feed.age == pytest.approx(IN_TOUCH_SECONDS + 0.1)
    assert not feed.in_touch


def test_poll__an_older_answer_taken_last__in_touch_since_the_newer_was_asked(feed: ChangeFeed, clock: Clock) -> None:
    def meanwhile() -> None:
        clock.now += 1
        feed.catch_up()

    feed.poll(Late(meanwhile))
    assert feed.age == 0


def test_in_touch__no_answer_for_longer_than_the_bound__no_more(feed: ChangeFeed, clock: Clock) -> None:
    feed.catch_up()
    clock.now += IN_TOUCH_SECONDS
    assert feed.in_touch
    clock.now += 0.001
    assert not feed.in_touch
