"""SIGTERM is heard however young a worker is, and no worker outlives its server."""

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from chat.tests import raw_client
from chat.tests.model_server import ModelServer
from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, has_accepted, production_service, starting_service
from tests.promises import Figure
from tests.waiting import wait_until

TERM = 1 << signal.SIGTERM - 1  # in masks of signals
NOTICE = 3  # seconds
RANDOM = 30 if LONG else 1  # moments
AT_A_TIME = 4

ASKED = 10

Terminate = Callable[["Watched"], None]
End = Callable[["Watched", psutil.Process], None]


class Watched:
    """A service of which every worker is remembered, so that none is left behind unseen."""

    def __init__(self, service: Service, log: Path) -> None:
        self.service, self.log, self.seen = service, log, set[psutil.Process]()
        wait_until(self.workers, 60)

    def workers(self) -> set[psutil.Process]:
        """Those that run now."""
        found = {each for each in psutil.Process(self.service.pid).children(recursive=True) if not gone(each)}
        with suppress(ValueError, psutil.NoSuchProcess):  # the main process does not run yet, or no longer
            found.discard(self.service.main)
            self.seen |= found
            return found
        return set()

    def left(self) -> list[int]:
        """Processes that are still there though all should end; then they are killed."""
        with suppress(AssertionError):
            wait_until(lambda: self.service.server.process.poll() is not None)
        with suppress(AssertionError):
            wait_until(lambda: all(map(gone, self.seen)), 10)
        left = [each for each in self.seen if not gone(each)]
        for each in left:
            each.kill()
        return [each.pid for each in left]


def gone(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True


def is_pending(process: psutil.Process) -> bool:
    """Whether SIGTERM waits for it."""
    return bool((signals(process, "SigPnd") | signals(process, "ShdPnd")) & TERM)


def signals(process: psutil.Process, kind: str) -> int:
    """A mask of those that it blocks, or that wait for it."""
    (line,) = re.findall(rf"^{kind}:\s+(\w+)$", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    return int(line, 16)


def while_forked(watched: Watched) -> None:
    """The newest worker gets it before it has imported anything."""
    newest = max(watched.workers(), key=psutil.Process.create_time)
    newest.suspend()
    wait_until(lambda: newest.status() == psutil.STATUS_STOPPED)
    watched.service.main.terminate()
    wait_until(lambda: is_pending(newest))
    newest.resume()


def as_soon_as_logged(text: str) -> Terminate:
    def terminate(watched: Watched) -> None:
        wait_until(lambda: watched.workers() and text in watched.log.read_text(), 60)
        watched.service.main.terminate()

    return terminate


def after(seconds: float) -> Terminate:
    def terminate(watched: Watched) -> None:
        time.sleep(seconds)
        watched.workers()
        watched.service.main.terminate()

    return terminate


MOMENTS = {
    "forks": after(0),
    "forked": while_forked,
    "imports": as_soon_as_logged("Spawning worker-2"),
    "imported": as_soon_as_logged("Personality lookups run"),
    "started": as_soon_as_logged("Started worker"),
}


def moments() -> dict[str, Terminate]:
    """Those above, and some that chance chooses while workers start."""
    return MOMENTS | {f"{seconds:.3f} s": after(seconds) for seconds in (random.uniform(0, 3) for _ in range(RANDOM))}


@pytest.mark.timeout(600 if LONG else 120)
def test_sigterm__while_workers_start__all_end(environment: Environment, tmp_path: Path, figure: Figure) -> None:
    def end(moment: str, terminate: Terminate) -> str | None:
        folder = tmp_path / moment
        folder.mkdir()
        with starting_service(environment, "", folder, "--workers", "2") as service:
            watched = Watched(service, folder / "log")
            terminate(watched)
            left, code = watched.left(), service.server.process.poll()
        return f"{moment}: {left} left, code {code}" if left or code else None

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        chosen = moments()
        failures = [failure for failure in pool.map(end, chosen, chosen.values()) if failure]
    figure(
        "C14",
        f"SIGTERM at {len(chosen)} moments while workers start: {', '.join(MOMENTS)}, and by chance",
        "every process ends, with code 0",
        before="0 of 6: neither the main process nor a worker ends",
        measured=f"{len(chosen) - len(failures)} of {len(chosen)}",
        met=not failures,
        why="\n".join(failures),
    )


def test_worker__as_soon_as_it_is_there__holds_sigterm(
    environment: Environment, tmp_path: Path, figure: Figure
) -> None:
    """Python forgets signals that a process got before its first moment, so it must not get any."""
    with starting_service(environment, "", tmp_path, "--workers", "2") as service:
        held = [bool(signals(worker, "SigBlk") & TERM) for worker in first_seen(service, 2)]
        wait_until(lambda: not signals(service.main, "SigBlk") & TERM)
    figure(
        "C14",
        "SIGTERM to a worker that has just been forked",
        "waits in the kernel; the main process hears its own",
        before="forgotten in 1 of 2 cases, by a worker of the first millisecond",
        measured=f"held by {held.count(True)} of {len(held)}",
        met=all(held),
    )


def first_seen(service: Service, number: int) -> Iterator[psutil.Process]:
    """Workers, each as soon as it is there."""
    seen = set[psutil.Process]()
    while len(seen) < number:
        with suppress(ValueError):  # the main process does not run yet
            new = set(service.main.children()) - seen
            seen |= new
            yield from new


@pytest.fixture
def watched(environment: Environment, key: str, model: ModelServer, tmp_path: Path) -> Iterator[Watched]:
    """Of two workers, none of which has answered anything."""
    variables = {"SHUTDOWN_NOTICE_SECONDS": str(NOTICE), "LLM_BASE_URL": model.url, "LLM_MODEL": "big-model"}
    with production_service(environment, key, tmp_path, "--workers", "2", **variables) as service:
        found = Watched(service, tmp_path / "log")
        wait_until(lambda: started(found) == 2)
        yield found


def started(watched: Watched) -> int:
    return watched.log.read_text().count("Started worker")


def readiness(service: Service) -> str:
    """What a new connection is told."""
    with httpx.Client(base_url=service.url, trust_env=False, timeout=10) as client:
        try:
            answer = client.get("/readyz")
        except httpx.TransportError as error:
            return type(error).__name__
    return f"{answer.status_code} {answer.json()['status']}"


def test_sigterm__workers_that_have_answered_nothing__drain(watched: Watched, figure: Figure) -> None:
    watched.service.main.terminate()
    said = [readiness(watched.service)]
    while said[-1] == "200 ready":
        said.append(readiness(watched.service))
    said = [said[-1], *(readiness(watched.service) for _ in range(ASKED))]
    left = watched.left()
    figure(
        "C14",
        f"SIGTERM to workers that have answered nothing; {len(said)} callers after it",
        "all are told 503 stopping",
        before="all refused",
        measured=f"{dict(Counter(said))}, {len(left)} left",
        met=set(said) == {"503 stopping"} and not left,
    )


def respawn(watched: Watched, idle: psutil.Process) -> None:
    """The main process gets SIGTERM while it replaces a worker."""
    before = watched.workers()
    idle.kill()
    wait_until(lambda: watched.workers() - before)
    while_forked(watched)


def orphan(watched: Watched, idle: psutil.Process) -> None:
    """The main process is killed."""
    watched.service.main.kill()


@pytest.mark.parametrize(
    ("end", "what", "before"),
    [
        (respawn, "SIGTERM while a killed worker is replaced", "the new one and the main process stay"),
        (orphan, "SIGKILL to the main process", "the workers stay"),
    ],
)
def test_end__stream_under_way__it_ends_and_then_every_process(  # noqa: PLR0913
    watched: Watched, model: ModelServer, figure: Figure, end: End, what: str, before: str
) -> None:
    with raw_client.call(f"{watched.service.url}/v1", watched.service.key) as stream:
        raw_client.read_until(stream, b"Hello ")
        (idle,) = (worker for worker in watched.workers() if not has_accepted(worker, stream))
        end(watched, idle)
        wait_until(lambda: readiness(watched.service) == "503 stopping")
        model.release_all()
        rest = raw_client.read_until(stream, b"[DONE]")
    left = watched.left()
    figure(
        "C14",
        f"{what}; a stream is under way",
        "it is not cut, and every process ends",
        before=before,
        measured=f"{'not ' * (b'there.' in rest)}cut, {len(left)} left",
        met=b"there." in rest and not left,
    )


@pytest.mark.skipif(not LONG, reason="fifteen seconds")
def test_sighup__workers_replaced_one_after_the_other__everybody_is_served(watched: Watched, figure: Figure) -> None:
    before, said = watched.workers(), Counter[str]()
    watched.service.main.send_signal(signal.SIGHUP)
    while before & watched.workers():
        said[readiness(watched.service)] += 1
        time.sleep(0.05)
    errors = [line for line in watched.log.read_text().splitlines() if " ERROR " in line]
    figure(
        "C14",
        f"SIGHUP to two workers; {said.total()} callers until both are new",
        "all are answered by an old or a new one, no error in the log",
        before="an ERROR of the log for each that asked an old one for /readyz",
        measured=f"{dict(said)}, {len(errors)} errors",
        met={*said} <= {"200 ready", "503 stopping"} and not errors,
        why="\n".join(errors[:5]),
    )
