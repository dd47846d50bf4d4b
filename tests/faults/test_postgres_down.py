"""Promise 12: without PostgreSQL what is known is served for 15 minutes, marked; what is not known fails, and soon."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.faults.conftest import LONG, Figure
from tests.faults.history import Read
from tests.faults.labs import labs
from tests.faults.outage import CROWD, STALE_SECONDS, Outage, frozen, halted
from tests.faults.site import Site, site
from tests.faults.stage import Stage
from tests.faults.verdict import said

SECONDS = 20 if LONG else 0  # that it lasts at least
NOTICED, SOON, IN_TIME, BACK = 1.3, 2.5, 6.0, 5.0  # seconds
LAST = 14.4 * 60  # seconds: the age up to which the test looks, at least


@pytest.fixture(scope="module")
def running(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all outages."""
    with labs(stage) as new, site(stage, new().ask("issue", count=1)[0], tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module", params=[frozen, halted], ids=["frozen", "halted"])
def outage(stage: Stage, running: Site, request: Any) -> Iterator[Outage]:
    """From the first second to the recovery."""
    with labs(stage) as new:
        outage = Outage(stage, new, running)
        outage.happen(request.param, SECONDS)
        yield outage


@pytest.fixture
def state(request: Any) -> str:
    return f"PostgreSQL {request.node.callspec.id}"


def slowest(reads: Sequence[Read]) -> float:
    return max(read.end - read.start for read in reads) / 1e9


def outcomes(reads: Sequence[Read]) -> str:
    """2 OperationalError, 3 near."""
    found = Counter(read.error.partition(":")[0] or read.source for read in reads)
    return ", ".join(f"{count} {what}" for what, count in sorted(found.items()))


def test_postgres_down__known_names__served_marked_for_15_minutes(outage: Outage, state: str, figure: Figure) -> None:
    errors = [read for read in (*outage.known, *outage.watched.reads) if read.error]
    marked = all(read.unverified for read in outage.known) and outage.noticed <= NOTICED
    growing = outage.ages == sorted(outage.ages) and LAST < outage.ages[-1] < STALE_SECONDS
    figure(
        12,
        f"{state}: names that are known",
        f"served, marked after {NOTICED} s, for 15 minutes, then no more",
        measured=f"{len(errors)} errors in {sum(outage.watched.counts)} reads, marked after {said(outage.noticed)}; "
        f"{outcomes(outage.known)} up to minute {outage.ages[-1] / 60:.1f}; then {outcomes([outage.too_late])}",
        met=not errors and marked and growing and outcomes([outage.too_late]) == "1 OperationalError",
        why=f"errors: {errors[:3]}\nages: {outage.ages}\nreads: {outage.known}\nafter 15 minutes: {outage.too_late}",
    )


def test_postgres_down__unknown_names__fail_soon(outage: Outage, state: str, figure: Figure) -> None:
    reads = [*outage.unknown, outage.too_late]
    figure(
        12.1,
        f"{state}: {CROWD} names at once that are not known",
        f"OperationalError within {SOON} s",
        measured=f"{outcomes(reads)}, slowest {said(slowest(reads))}",
        met=outcomes(reads) == f"{CROWD + 1} OperationalError" and slowest(reads) <= SOON,
        why=f"{reads[:3]}",
    )


def test_postgres_down__first_read_of_a_process__fails_soon(outage: Outage, state: str, figure: Figure) -> None:
    figure(
        12.2,
        f"{state}: the first read of a process",
        f"OperationalError within {SOON} s",
        measured=f"{outcomes([outage.first])}, {said(slowest([outage.first]))}",
        met=outcomes([outage.first]) == "1 OperationalError" and slowest([outage.first]) <= SOON,
        why=f"{outage.first}",
    )


def test_postgres_down__over_http__known_200_unknown_503(outage: Outage, state: str, figure: Figure) -> None:
    unknown, known = outage.unknown_answers, outage.known_answers
    longest = max(answer.seconds for answer in unknown)
    refused = all(answer.status == 503 and "Retry-After" in answer.response.headers for answer in unknown)
    served = all(answer.status == 200 and answer.is_marked for answer in known)
    figure(
        12.3,
        f"{state}: {CROWD} such names at once over HTTP, and meanwhile known ones",
        f"503 with Retry-After within {SOON} s, and meanwhile 200, marked",
        measured=f"{dict(Counter(answer.status for answer in unknown))} within {said(longest)}; "
        f"{dict(Counter(answer.status for answer in known))} within {said(max(answer.seconds for answer in known))}",
        met=refused and served and longest <= SOON,
        why=f"{[(answer, answer.response.headers) for answer in (*unknown[:2], *known[:2])]}",
    )


def test_postgres_down__what_is_never_cached__503_in_time(outage: Outage, state: str, figure: Figure) -> None:
    answers = outage.uncached_answers
    longest = max(answer.seconds for answer in answers)
    refused = all(answer.status == 503 and "Retry-After" in answer.response.headers for answer in answers)
    figure(
        12.5,
        f"{state}: what is asked of PostgreSQL each time: lists, conversations",
        f"503 with Retry-After within {IN_TIME} s",
        measured=f"{dict(Counter(answer.status for answer in answers))} within {said(longest)}",
        met=refused and longest <= IN_TIME,
        why=f"{[(answer, answer.response.headers) for answer in answers]}",
    )


def test_postgres_back__nobody_restarted__all_as_before(outage: Outage, state: str, figure: Figure) -> None:
    watched, statuses = outage.watched, Counter(answer.status for answer in outage.answers_again)
    well = not any(read.error for read in outage.unknown_again) and statuses.keys() == {200, 404}
    moving = not watched.stuck and max(watched.quiet) < 1
    figure(
        12.4,
        f"{state} and back: no mark, no error, no thread stuck, an edit shows",
        f"within {BACK:.0f} s, and the edit within 1.2 s",
        measured=f"{said(outage.recovered)}, then {outcomes(outage.unknown_again)}; {dict(statuses)} over HTTP; "
        f"the edit {said(outage.edited)}; {watched.stuck} stuck",
        met=outage.recovered <= BACK and well and moving and outage.edited <= 1.2,
        why=f"quiet for {watched.quiet} s; {outage.unknown_again[:3]}",
    )
