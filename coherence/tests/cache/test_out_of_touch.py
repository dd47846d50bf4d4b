"""The feed has heard nothing for a while, or never: copies are unverified, and then count no more."""

from collections.abc import Callable

import pytest

from coherence import cache as module
from coherence.cache import Answer, CoherentCache, Source
from coherence.feed import IN_TOUCH_SECONDS, ChangeFeed
from coherence.tests.cache.conftest import STALE_SECONDS
from coherence.tests.cache.rows import ID, clear_memory, rename
from coherence.tests.cache.stand_ins import Clock
from tests.database import Count
from tests.waiting import MAX_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("source", ["near", "redis"])
def test_out_of_touch__not_for_long__unverified_with_its_age(
    names: CoherentCache[int, str],
    known: None,
    clock: Clock,
    source: Source,
    django_assert_num_queries: Count,
) -> None:
    if source == "redis":
        clear_memory(names)
    clock.ahead = IN_TOUCH_SECONDS + 100
    with django_assert_num_queries(0):
        answer = names.get(ID)
    assert answer[:2] == ("old", source)
    assert answer.unverified
    assert IN_TOUCH_SECONDS + 100 <= answer.age < IN_TOUCH_SECONDS + 100 + MAX_SECONDS
    names.get(ID)
    assert names.unverified_answers == 2


def test_out_of_touch__back_again__verified(
    names: CoherentCache[int, str], known: None, clock: Clock, tell: Callable[[], None]
) -> None:
    clock.ahead = 100
    assert names.get(ID).unverified
    tell()
    assert names.get(ID) == Answer("old", "near")


def test_out_of_touch__for_too_long__no_copy_counts(names: CoherentCache[int, str], known: None, clock: Clock) -> None:
    rename("new")  # and nobody tells
    clock.ahead = STALE_SECONDS + 1
    assert names.get(ID) == Answer("new", "database")


def test_never_in_touch__a_first_lookup__from_the_database_and_from_then_on_near(
    names: CoherentCache[int, str], known: None, feed: ChangeFeed, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "feed", ChangeFeed(clock))
    assert names.get(ID) == Answer("old", "database")
    assert names.get(ID) == Answer("old", "near")
