"""/metrics speaks for all workers, whichever is asked, and nothing that was counted is lost."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults.environment import Environment, Service, client_of, production_service
from tests.promises import Figure
from tests.waiting import wait_until

READS = {0: 30, 1: 12}  # by worker
LINES = 8192  # bytes: more than a log has after a second, and less than samples take
SAMPLE = re.compile(r"^(\w+(?:\{.*\})?) (\S+)$", re.MULTILINE)
COUNTERS = re.compile(r"companion_\w+_(total|count|bucket)\b|process_cpu_seconds_total")
ROUTE = 'route="/api/v1/personalities/<str:name>/"'


class Metrics(dict[str, float]):
    """Samples by name and labels."""

    @property
    def reads(self) -> float:
        """How many personalities were read."""
        return sum(self[name] for name in self if name.startswith("companion_http_requests_total") and ROUTE in name)

    def below(self, before: "Metrics") -> list[str]:
        """Counters that are lower than they were."""
        return [name for name in before if COUNTERS.match(name) and self.get(name, 0) < before[name]]


class Worker:
    """One worker of a service, asked over a connection of its own."""

    def __init__(self, process: psutil.Process, service: Service) -> None:
        self.process, self.client = process, client_of(process, service.url)
        self.client.headers["Authorization"] = f"Bearer {service.key}"

    def read(self, name: str, times: int) -> None:
        """Read a personality."""
        for _ in range(times):
            assert self.client.get(f"/api/v1/personalities/{name}/").status_code == 200

    def metrics(self) -> Metrics:
        """What it says."""
        return scrape(self.client)


def scrape(client: httpx.Client) -> Metrics:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return Metrics({name: float(value) for name, value in SAMPLE.findall(answer.text)})


@pytest.fixture
def two_workers(environment: Environment, tmp_path: Path) -> Iterator[Service]:
    key = environment.writer.ask("issue", count=1)[0]
    with production_service(environment, key, tmp_path, "--workers", "2") as running:
        wait_until(lambda: (tmp_path / "log").read_text().count("Started worker") == 2)
        yield running


def test_metrics__two_workers__either_speaks_for_both_and_nothing_is_lost(
    two_workers: Service, environment: Environment, name: str, figure: Figure
) -> None:
    environment.create(name)
    first, second = (Worker(process, two_workers) for process in two_workers.main.children())
    with closing(first.client), closing(second.client):
        first.read(name, READS[0])
        second.read(name, READS[1])
        said = [worker.metrics().reads for worker in (first, second, first, second)]
        last, lower, scrapes = second.metrics(), list[str](), 0
        os.kill(first.process.pid, signal.SIGKILL)
        while scrapes < 20 or len(two_workers.main.children()) < 2 or first.process in two_workers.main.children():
            now = second.metrics()
            lower, last, scrapes = lower + now.below(last), now, scrapes + 1
    new = next(each for each in two_workers.main.children() if each not in (first.process, second.process))
    with closing(Worker(new, two_workers).client) as client:
        now = scrape(client)
        lower += now.below(last)
    figure(
        "C16",
        f"/metrics of two workers that answered {READS[0]} and {READS[1]} reads; then one is killed and replaced",
        "either says 42, and no counter goes back",
        before="33, 27, 33",
        measured=f"{', '.join(f'{number:g}' for number in said)}; {scrapes} scrapes, {len(lower)} counters lower;"
        f" the new one says {now.reads:g}",
        met=set(said) == {42.0} and not lower and now.reads == 42,
        why=f"{lower[:10]}",
    )


def test_metrics__directory_of_the_workers__private(two_workers: Service) -> None:
    (directory,) = Path("/dev/shm").glob(f"companion-{os.getuid()}-{two_workers.main.pid}-*")
    assert directory.stat().st_mode & 0o077 == 0
    assert len([*directory.glob("*.lock")]) == 2


def test_metrics__directory_is_full__each_says_what_it_knows(
    two_workers: Service, environment: Environment, name: str, tmp_path: Path, figure: Figure
) -> None:
    environment.create(name)
    full, other = (Worker(process, two_workers) for process in two_workers.main.children())
    with closing(full.client), closing(other.client):
        full.read(name, READS[0])
        other.read(name, READS[1])
        before = full.metrics()
        with no_room(full.process):
            full.read(name, 8)
            said = [full.metrics(), full.metrics()]
            stale = other.metrics()
        wait_until(lambda: other.metrics().reads == 50)  # so it publishes again
        last = full.metrics()
    warnings = (tmp_path / "log").read_text().count("Metrics are not shared")
    figure(
        "C16",
        "/metrics of a worker that answered 30 + 8 reads when nothing more can be written, beside one with 12",
        "it says 50, the other 42; then both 50; one warning",
        before="500, and its thread has ended",
        measured=f"{said[0].reads:g}, {stale.reads:g}; then {last.reads:g}; {warnings} warnings",
        met=[each.reads for each in said] == [50, 50]
        and stale.reads == 42
        and last.reads == 50
        and warnings == 1
        and before["companion_metrics_not_shared_total"] == 0 < last["companion_metrics_not_shared_total"]
        and not said[0].below(before)
        and not last.below(said[1]),
    )


@contextmanager
def no_room(process: psutil.Process) -> Iterator[None]:
    """Nothing that a process writes may be longer than lines of its log, as on a disk that is full."""
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (LINES, before[1]))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, before)
