"""Copies in memory, by themselves."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from time import monotonic, sleep

import pytest

from coherence.change_log import Position
from coherence.local_cache import Copy, LocalCache

THREADS = 8
SECONDS = 1.0


def at(number: int, history: str = "one") -> Position:
    return Position(history, number)


def filled(capacity: int, keys: str) -> LocalCache[str, str]:
    cache: LocalCache[str, str] = LocalCache(capacity)
    for key in keys:
        cache.keep(Copy(key, key, at(1)))
    return cache


def kept(cache: LocalCache[str, str], keys: str) -> str:
    """Looks without reading, which would count."""
    return "".join(key for key in keys if key in cache._copies)


def test_keep__more_than_its_capacity__bounded_and_the_newest_is_there() -> None:
    cache: LocalCache[str, int] = LocalCache(10)
    for number in range(1000):
        cache.keep(Copy(str(number), number, at(number)))
        assert len(cache) <= 10
        assert cache._copies[str(number)].value == number
    assert len(cache) == 10


def test_keep__all_were_read__bounded_all_the_same() -> None:
    cache = filled(3, "abc")
    for key in "abc":
        assert cache.get(key)
    cache.keep(Copy("d", "d", at(1)))
    assert len(cache) == 3


def test_keep__all_others_were_read__the_latest_stays() -> None:
    cache = filled(3, "abc")
    for key in "abc":
        assert cache.get(key)
    cache.keep(Copy("d", "d", at(1)))
    assert kept(cache, "abcd") == "bcd"


def test_keep__full__what_was_read_stays_and_what_was_not_goes() -> None:
    cache = filled(3, "abc")
    for key in "defghijk":
        assert cache.get("a")
        cache.keep(Copy(key, key, at(1)))
    assert kept(cache, "abcdefghi") == "a"


def test_keep__full__a_copy_that_somebody_holds_and_reads_stays() -> None:
    cache = filled(3, "abc")
    held = cache.get("a")
    assert held
    for key in "defghijk":
        assert held.read() == "a"
        cache.keep(Copy(key, key, at(1)))
    assert kept(cache, "abcdefghi") == "a"


def test_keep__read_once_long_ago__goes_in_the_end() -> None:
    cache = filled(3, "abc")
    assert cache.get("a")
    for key in "defghijk":
        cache.keep(Copy(key, key, at(1)))
    assert kept(cache, "abcdefgh") == ""


@pytest.mark.parametrize(("number", "served"), [(4, "old"), (5, "new"), (6, "new")])
def test_keep__there_is_one__never_replaced_by_an_earlier(number: int, served: str) -> None:
    cache: LocalCache[str, str] = LocalCache(10)
    cache.keep(Copy("a", "old", at(5)))
    cache.keep(Copy("a", "new", at(number)))
    copy = cache.get("a")
    assert copy
    assert copy.value == served


def test_keep__of_another_history__replaced_whatever_its_number() -> None:
    cache: LocalCache[str, str] = LocalCache(10)
    cache.keep(Copy("a", "lost", at(5)))
    cache.keep(Copy("a", "good", at(4, "another")))
    copy = cache.get("a")
    assert copy
    assert copy.value == "good"


def test_keep__heavier_than_may_be__the_oldest_go_and_the_latest_stays() -> None:
    cache: LocalCache[str, str] = LocalCache(10, len, 10)
    for key, value in [("a", "1234"), ("b", "1234"), ("c", "12")]:
        cache.keep(Copy(key, value, at(1)))
    assert kept(cache, "abc") == "abc"
    cache.keep(Copy("d", "1", at(1)))
    assert (kept(cache, "abcd"), cache.released_weight_total) == ("bcd", 4)
    cache.keep(Copy("b", "12", at(2)))  # now it takes less
    cache.keep(Copy("e", "12345", at(1)))
    assert (kept(cache, "bcde"), cache.released_weight_total) == ("bcde", 8)
    cache.drop("e", at(1))
    cache.keep(Copy("f", "12345", at(1)))
    assert kept(cache, "bcdef") == "bcdf"
    cache.keep(Copy("g", "1" * 99, at(1)))
    assert kept(cache, "abcdefg") == "g"
    cache.keep(Copy("h", None, at(1)))
    assert kept(cache, "gh") == "h"


def test_keep__absences_and_what_has_no_weight__nothing_heavy_was_ever_dropped() -> None:
    absences: LocalCache[str, str] = LocalCache(1, len, 10)
    for key in "ab":
        absences.keep(Copy(key, None, at(1)))
    assert absences.released_weight_total == filled(1, "ab").released_weight_total == 0


def test_drop__of_another_history__whatever_its_number() -> None:
    cache: LocalCache[str, str] = LocalCache(10)
    cache.keep(Copy("a", "lost", at(5)))
    cache.drop("a", at(4, "another"))
    assert cache.get("a") is None


def test_keep__capacity_of_nought__nothing_is_kept() -> None:
    cache = filled(0, "abc")
    assert len(cache) == 0
    assert cache.get("a") is None


@pytest.mark.parametrize("way", ["replaced", "made room", "dropped"])
def test_reads__of_copies_that_are_kept_no_more__still_counted(way: str) -> None:
    cache: LocalCache[str, str] = LocalCache(1)
    for number, key in enumerate("abc" if way == "made room" else "aaa", start=1):
        copy = Copy(key, "value", at(number))
        cache.keep(copy)
        copy.reads += number
        if way == "dropped":
            cache.drop(key, at(number))
    assert cache.reads == 1 + 2 + 3


@pytest.mark.parametrize(("number", "remains"), [(4, True), (5, False), (6, False)])
def test_drop__there_is_one__unless_it_is_later(number: int, remains: bool) -> None:
    cache: LocalCache[str, str] = LocalCache(10)
    cache.keep(Copy("a", "a", at(5)))
    cache.drop("a", at(number))
    assert (cache.get("a") is not None) is remains


@pytest.mark.usefixtures("_hurry")
def test_drop__by_many_threads_at_once__gone_and_no_error() -> None:
    cache: LocalCache[str, str] = LocalCache(10)
    over = monotonic() + SECONDS

    def hammer(seed: int) -> None:
        while monotonic() < over:
            cache.keep(Copy("a", "a", at(1)))
            cache.drop("a", at(1))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(hammer, range(THREADS)))
    assert cache.get("a") is None


@pytest.mark.usefixtures("_hurry")
def test_hammered__eight_threads_and_too_little_room__bounded_and_never_mixed_up() -> None:
    cache: LocalCache[str, str] = LocalCache(20)
    keys, over = [str(number) for number in range(50)], monotonic() + SECONDS

    def hammer(seed: int) -> int:
        random, hits = Random(seed), 0
        while monotonic() < over:
            key = random.choice(keys)
            if copy := cache.get(key):
                assert copy.value == key
                hits += 1
            cache.keep(Copy(key, key, at(random.randrange(100))))
            assert len(cache) <= 20 + 1  # the one that is just coming in
        return hits

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(hammer, range(THREADS)))
    cache.keep(Copy("last", "last", at(1)))
    assert 1 <= len(cache) <= 20


@pytest.mark.usefixtures("_hurry")
def test_hammered__eight_threads_keep_in_any_order__no_copy_is_followed_by_an_earlier_one() -> None:
    cache: LocalCache[str, int] = LocalCache(10)
    over = monotonic() + SECONDS

    def hammer(seed: int) -> int:
        random, known, turns = Random(seed), 0, 0
        while monotonic() < over:
            number = random.randrange(turns + 1, turns + 100)
            cache.keep(Copy("a", number, at(number)))
            copy = cache.get("a")
            assert copy
            assert copy.value is not None  # its number another thread may have taken back meanwhile: it is retired
            assert copy.value >= max(known, number)
            known, turns = copy.value, turns + 1
        return turns

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(hammer, range(THREADS)))


@pytest.mark.usefixtures("_hurry")
@pytest.mark.parametrize("way", ["replaced", "dropped", "made room"])
def test_reads__while_copies_are_retired__never_fewer_nor_more(way: str) -> None:
    """A counter that goes back once looks to Prometheus as if the process had started anew."""

    def weigh(value: str) -> int:
        sleep(0)  # somebody else's turn, in the middle of it
        return 0

    cache: LocalCache[str, str] = LocalCache(1, weigh)
    over = monotonic() + SECONDS / 4

    def retire() -> int:
        total, number = 0, 1
        while monotonic() < over:
            number += 1
            copy = Copy("ab"[number % 2] if way == "made room" else "a", "value", at(number))
            cache.keep(copy)
            copy.reads += 1000
            total += copy.reads
            if way == "dropped":
                cache.drop("a", at(number))
        return total

    with ThreadPoolExecutor(1) as threads:
        retiring, last = threads.submit(retire), 0
        while not retiring.done():
            reads = cache.reads
            assert reads >= last
            last = reads
        assert cache.reads == retiring.result()
