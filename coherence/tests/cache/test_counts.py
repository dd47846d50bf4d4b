"""What metrics tell of lookups, while threads count on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from coherence.cache import Answer, CoherentCache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_hurry")]
KINDS, THREADS, ANSWERS = 2_000, 4, 5_000


def test_lookups__asked_for_while_the_first_of_a_kind_is_counted__no_error(names: CoherentCache[int, str]) -> None:
    def count_each() -> None:
        for number in range(KINDS):
            names.count(Answer("name", str(number)))  # type: ignore[arg-type]  # more kinds than there are

    with ThreadPoolExecutor(1) as threads:
        counting, last = threads.submit(count_each), 0
        while not counting.done():
            told = sum(names.lookups.values())
            assert told >= last
            last = told
    assert sum(names.lookups.values()) == KINDS


def test_count__by_many_threads__none_is_lost(names: CoherentCache[int, str]) -> None:
    """One that is lost may be told before, and be missing from the next number."""

    def count_many(_: int) -> None:
        for _ in range(ANSWERS):
            names.count(Answer("name", "near", age=5.0))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(count_many, range(THREADS)))
    assert names.unverified_answers == names.lookups["near", True] == THREADS * ANSWERS
