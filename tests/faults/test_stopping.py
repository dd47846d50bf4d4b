"""A worker that is killed is replaced, and one that is to stop lets everybody finish."""

import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import httpx
import psutil
import pytest

from chat.tests import raw_client
from chat.tests.model_server import ModelServer
from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, client_of, has_accepted, production_service
from tests.faults.history import pretty
from tests.promises import Figure
from tests.waiting import wait_until

NOTICE = 2  # seconds


@pytest.fixture
def two_workers(environment: Environment, key: str, model: ModelServer, tmp_path: Path) -> Iterator[Service]:
    variables = {"SHUTDOWN_NOTICE_SECONDS": str(NOTICE), "LLM_BASE_URL": model.url, "LLM_MODEL": "big-model"}
    with production_service(environment, key, tmp_path, "--workers", "2", **variables) as running:
        wait_until(lambda: started(tmp_path) == 2)
        yield running


def started(folder: Path) -> int:
    """How many workers a service has started, one of which may not be seen among its processes yet."""
    return (folder / "log").read_text().count("Started worker")


class Prober:
    """While it is entered: asks /livez over and over, by a kept connection and by new ones."""

    def __init__(self, kept: httpx.Client) -> None:
        self.kept, self.outcomes, self._over, self._thread = kept, Counter[str](), Event(), Thread(target=self._run)

    def __enter__(self) -> "Prober":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.005):
            self.outcomes[f"kept {self._ask(self.kept)}"] += 1
            with httpx.Client(base_url=self.kept.base_url, trust_env=False, verify=False, timeout=10) as new:
                self.outcomes[f"new {self._ask(new)}"] += 1

    def _ask(self, client: httpx.Client) -> str:
        try:
            return str(client.get("/livez").status_code)
        except httpx.HTTPError as error:
            return type(error).__name__


def test_worker__killed__replaced_while_the_other_serves(two_workers: Service, tmp_path: Path, figure: Figure) -> None:
    victim, other = two_workers.main.children()
    with closing(client_of(other, two_workers.url)) as kept, Prober(kept) as prober:
        wait_until(lambda: prober.outcomes["new 200"] > 20)
        os.kill(victim.pid, signal.SIGKILL)
        seconds = wait_until(lambda: started(tmp_path) == 3)
        (new,) = (worker for worker in two_workers.main.children() if worker not in (victim, other))
        client_of(new, two_workers.url).close()  # it serves
    outcomes = prober.outcomes
    cut_off = outcomes["new ReadError"] + outcomes["new RemoteProtocolError"]
    refused = sum(outcomes.values()) - outcomes["kept 200"] - outcomes["new 200"] - cut_off
    figure(
        "C14",
        "a worker killed with SIGKILL; /livez asked over and over of two",
        "0 refused, and replaced",
        before="the service ends",
        measured=f"{refused} refused ({dict(outcomes)}), replaced after {pretty(seconds)}",
        # A connection that the killed one had just taken ends without an answer, and only that.
        met=refused == 0 and cut_off <= 1,
    )


class Stop:
    """What a caller sees from SIGTERM on, while a stream is under way; times in seconds since then."""

    def __init__(self, service: Service, model: ModelServer) -> None:
        self.service = service
        wait_until(lambda: self.new("/readyz")[0] == 200)
        with raw_client.call(f"{service.url}/v1", service.key) as stream:
            raw_client.read_until(stream, b"Hello ")
            self.before_the_end_of(stream)
            model.release_all()
            self.rest = raw_client.read_until(stream, b"[DONE]")
            self.closed = wait_until(lambda: not listens(service.url))
        self.code = service.server.process.wait(20)

    def before_the_end_of(self, stream: socket.socket) -> None:
        worker = next(each for each in self.service.main.children() if has_accepted(each, stream))
        with closing(client_of(worker, self.service.url)) as kept:
            self.service.main.terminate()
            self.unready = wait_until(lambda: self.new("/readyz")[0] == 503)
            self.said = self.new("/readyz")[1]
            answer = kept.get("/livez")
        self.closes = (answer.status_code, answer.headers.get("connection"))
        time.sleep(NOTICE + 1)  # the other worker has stopped listening; only the stream keeps this one from it
        self.during = [self.new("/livez")[0] for _ in range(20)]

    def new(self, path: str) -> tuple[int, dict[str, str]]:
        with httpx.Client(base_url=self.service.url, trust_env=False, verify=False, timeout=10) as client:
            answer = client.get(path)
            return answer.status_code, answer.json()


@pytest.mark.skipif(not LONG, reason="fifteen seconds each")
@pytest.mark.parametrize("number", [0, 1])
def test_worker__killed_while_all_are_replaced__nobody_is_refused(
    two_workers: Service, tmp_path: Path, figure: Figure, number: int
) -> None:
    """The first when its successor starts, the other while it waits for its turn."""
    old = two_workers.main.children()
    with closing(client_of(old[1 - number], two_workers.url)) as kept, Prober(kept) as prober:
        two_workers.main.send_signal(signal.SIGHUP)
        wait_until(lambda: "Spawning worker-1" in (tmp_path / "log").read_text().partition("HUP signal")[2])
        os.kill(old[number].pid, signal.SIGKILL)
        wait_until(lambda: not two_workers.main.is_running() or are_replaced(two_workers, old), 60)
        time.sleep(1)  # in which the server would do something about the death
    spawned = (tmp_path / "log").read_text().count("Spawning worker")
    refused = sum(prober.outcomes[f"new {error}"] for error in ("ConnectError", "ConnectTimeout"))
    figure(
        "C14",
        f"SIGHUP, and worker {number + 1} of 2 is killed with SIGKILL meanwhile; /livez asked over and over",
        "0 refused; each is replaced once",
        before="22 refused, or the service ends",
        measured=f"{refused} refused ({dict(prober.outcomes)}), {spawned - 2} started",
        met=refused == 0 and prober.outcomes["new 200"] > 0 and spawned == 4 and two_workers.main.is_running(),
        why=(tmp_path / "log").read_text()[-3000:],
    )


def are_replaced(service: Service, old: list[psutil.Process]) -> bool:
    """Whether as many workers run, and none of the old ones."""
    now = service.main.children()
    return len(now) == len(old) and not {*now} & {*old}


def listens(url: str) -> bool:
    """Whether anybody does at this address."""
    parts = httpx.URL(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.host, parts.port)) == 0


def test_worker__sigterm__unready_then_streams_end_then_closed(
    two_workers: Service, model: ModelServer, figure: Figure
) -> None:
    stop = Stop(two_workers, model)
    figure(
        "C14",
        "SIGTERM while a stream is under way",
        f"/readyz 503; new callers served for {NOTICE} s and to the stream's end; then closed, code 0",
        before="closed at once",
        measured=f"503 after {pretty(stop.unready)}, {Counter(stop.during)}, closed {pretty(stop.closed)} later",
        met=stop.said["status"] == "stopping"
        and stop.closes == (200, "close")
        and set(stop.during) == {200}
        and b"there." in stop.rest
        and stop.code == 0,
        why=f"{vars(stop)}",
    )


def test_worker__sigterm__grace_is_over__closed_while_a_stream_runs(
    environment: Environment, key: str, model: ModelServer, tmp_path: Path
) -> None:
    variables = {"LLM_BASE_URL": model.url, "LLM_MODEL": "big-model", "SHUTDOWN_GRACE_SECONDS": "1"}
    with production_service(environment, key, tmp_path, **variables) as service:
        with raw_client.call(f"{service.url}/v1", service.key) as stream:
            raw_client.read_until(stream, b"Hello ")
            service.main.terminate()
            wait_until(lambda: not listens(service.url))
            model.release_all()
            assert b"there." in raw_client.read_until(stream, b"[DONE]")
        assert service.server.process.wait(20) == 0
