"""The judge itself, on histories made by hand. Times are in seconds; the bound is one second."""

import pytest

from tests.faults.history import Commit, History, Read, Verdict, percentile, pretty


def commit(started: float, returned: float, version: int | None, certain: bool = True) -> Commit:
    return Commit(int(started * 1e9), int(returned * 1e9), "elara", version, certain)


def read(start: float, end: float, version: int | None, process: str = "reader", error: str = "") -> Read:
    return Read(int(start * 1e9), int(end * 1e9), process, "elara", version, error=error)


def judged(commits: list[Commit], reads: list[Read]) -> Verdict:
    return History(reads, commits).judge(bound_seconds=1)


FIRST, SECOND = commit(1, 2, 1), commit(5, 6, 2)


@pytest.mark.parametrize(
    ("start", "version", "holds"),
    [
        (1.5, None, True),  # before the first
        (1.5, 1, True),  # while it commits: either is true
        (4, 1, True),
        (6.5, 1, True),  # outdated, but within the bound
        (7.5, 1, False),
        (7.5, 2, True),
        (9, None, False),  # there was none, long ago
    ],
)
def test_judge__read_after_commit__stale_beyond_the_bound_only(start: float, version: int | None, holds: bool) -> None:
    verdict = judged([FIRST, SECOND], [read(start, start + 0.1, version)])
    assert verdict.holds == holds
    assert bool(verdict.stale) != holds


def test_judge__slow_read_that_began_before_the_commit__not_stale() -> None:
    assert judged([FIRST, SECOND], [read(4, 60, 1)]).worst_age == 0


def test_judge__stale_but_marked_unverified__honest_and_yet_not_held() -> None:
    marked = judged([FIRST, SECOND], [read(9, 9.1, 1)._replace(unverified=True)])
    assert (marked.honest, marked.holds, len(marked.stale), marked.unmarked) == (True, False, 1, [])
    assert not judged([FIRST, SECOND], [read(9, 9.1, 1)]).honest


def test_judge__outdated_reads__age_of_the_worst() -> None:
    verdict = judged([FIRST, SECOND], [read(6.25, 6.3, 1), read(6.5, 6.6, 1), read(8, 8.1, 2)])
    assert (len(verdict.outdated), verdict.worst_age, verdict.stale) == (2, 0.5, [])


@pytest.mark.parametrize("version", [3, 2])
def test_judge__version_that_was_never_committed_or_not_yet__impossible(version: int) -> None:
    """A rolled-back write is in no history; the second one here begins only after the read."""
    verdict = judged([FIRST, SECOND], [read(3, 3.1, version)])
    assert (len(verdict.impossible), verdict.holds) == (1, False)


def test_judge__writer_died_unheard__both_versions_pass() -> None:
    unknown = commit(5, 6, 2, certain=False)
    assert judged([FIRST, unknown], [read(8, 8.1, 1), read(9, 9.1, 2)]).holds


def test_judge__later_certain_commit_after_an_unknown_one__supersedes_both() -> None:
    history = [FIRST, commit(3, 4, 2, certain=False), SECOND._replace(version=3)]
    assert [stale.read.version for stale in judged(history, [read(8, 9, 1), read(8, 9, 2)]).stale] == [1, 2]


def test_judge__two_writers_overlap__either_may_have_been_last() -> None:
    together = [FIRST, commit(3, 6, 2), commit(4, 5, 3)]
    assert judged(together, [read(9, 9.1, 2), read(9, 9.1, 3)]).holds
    assert not judged(together, [read(9, 9.1, 1)]).holds


def test_judge__deleted_and_made_again__nothing_is_true_only_in_between() -> None:
    history = [FIRST, commit(3, 4, None), SECOND]
    assert judged(history, [read(4.5, 4.6, None)]).holds
    assert not judged(history, [read(9, 9.1, None)]).holds


def test_judge__no_reads_or_an_error__does_not_hold() -> None:
    assert not judged([FIRST], []).holds
    failed = judged([FIRST], [read(3, 3.1, None, error="OperationalError")])
    assert (len(failed.errors), failed.impossible, failed.holds) == (1, [], False)


def test_lag__per_process_and_commit__end_of_the_last_outdated_read() -> None:
    quick = [read(4, 4.1, 1, "quick"), read(6.1, 6.2, 2, "quick")]
    slow = [read(4, 4.1, 1, "slow"), read(6.1, 6.2, 1, "slow"), read(6.4, 6.5, 1, "slow"), read(7, 7.1, 2, "slow")]
    lags = {(lag.process, lag.commit.version): lag.seconds for lag in judged([FIRST, SECOND], quick + slow).lags}
    assert lags == {("quick", 1): 0, ("quick", 2): 0, ("slow", 1): 0, ("slow", 2): 0.5}


def test_lag__commit_that_nobody_met__not_counted() -> None:
    quick_succession = [FIRST, commit(3, 3.5, 2), commit(4, 4.5, 3)]
    verdict = judged(quick_succession, [read(2.5, 2.6, 1), read(5, 5.1, 3)])
    assert [lag.commit.version for lag in verdict.lags] == [1, 3]


def test_lag__shares__by_nearest_rank() -> None:
    assert [percentile([4, 1, 3, 2], share) for share in (0.5, 0.99, 1)] == [2, 4, 4]
    assert percentile([], 0.5) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.00038, "0.38 ms"), (0.004, "4 ms"), (0.12, "120 ms"), (1.184, "1.18 s")]
)
def test_said__seconds__as_people_read_them(seconds: float, text: str) -> None:
    assert pretty(seconds) == text
