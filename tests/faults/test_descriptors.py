"""A moment in which strangers hold every descriptor does no lasting harm."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, production_service
from tests.faults.history import pretty
from tests.faults.slow_callers import KINDS, slow_callers
from tests.faults.test_slow_peers import OTHERS, seconds_until_answered
from tests.promises import Figure

DESCRIPTORS = 250  # of a worker
FIRST, THEN = 400, 290  # callers
LOG = 200_000  # bytes
BAR = 40.0  # seconds: the server itself pauses when it finds no descriptor, 2 to 21 s were measured


@pytest.fixture
def few_descriptors(environment: Environment, tmp_path: Path) -> Iterator[Service]:
    """A service whose worker has answered, and may from then on open few files."""
    key = environment.writer.ask("issue", count=1)[0]
    with production_service(environment, key, tmp_path) as service:
        assert service.get("/readyz").response.status_code == 200
        (worker,) = service.main.children()
        worker.rlimit(psutil.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        yield service


def test_callers__hold_every_descriptor__cut_off_and_all_goes_on(
    few_descriptors: Service, tmp_path: Path, figure: Figure
) -> None:
    url, begun = httpx.URL(few_descriptors.url), time.monotonic()
    with slow_callers(url, KINDS["send nothing"], FIRST):
        time.sleep(8 if LONG else 4)
    with slow_callers(url, KINDS["pipeline and never read"], THEN), ThreadPoolExecutor(OTHERS) as others:
        time.sleep(1)
        took = max(others.map(seconds_until_answered, [url] * OTHERS))
    scraped = few_descriptors.client.get("/metrics", timeout=20).text
    log = (tmp_path / "log").read_bytes()
    lines = log.decode().splitlines()
    ended = [line for line in lines if "Exception in thread" in line]
    figure(
        "A2",
        f"{FIRST} silent callers, then {THEN} who never read, of a worker that may open {DESCRIPTORS} files",
        f"others are answered within {BAR:g} s, no thread ends, at most {LOG:,} bytes of log, a line each",
        before="not within 75 s, two threads end, 53 MB",
        measured=f"{pretty(took)}, {len(ended)} threads ended, {len(log):,} bytes, {len(lines)} lines"
        f" in {time.monotonic() - begun:.0f} s",
        met=took <= BAR and not ended and len(log) <= LOG and "Logging error" not in log.decode(),
        why=f"{scraped.count('service_thread_errors')}\n" + "\n".join(line[:300] for line in lines[-40:]),
    )
