"""Redis with Sentinel behind HAProxy: its primary is killed, and readers of the service notice nothing."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.redis_group import RedisGroup
from tests.deploy.service import Service
from tests.promises import Figure
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(600)  # the first test builds the image
NAME = "elara"
ADDRESS = f"/api/v1/personalities/{NAME}/"
KEY = f"deploy:personality:global:{NAME}:config"
WITHOUT_REDIS, SLOWEST = 15.0, 2.0  # seconds


@pytest.fixture
def group(tmp_path: Path) -> Iterator[RedisGroup]:
    running = RedisGroup(tmp_path)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def through_haproxy(service: Service, group: RedisGroup) -> Iterator[Service]:
    """Another process of the same service, on the same database, that knows HAProxy's port alone."""
    other = service.beside(REDIS_URL=group.url)
    try:
        yield other.started()
    finally:
        other.stop()


class Reader(threading.Thread):
    """Reads a personality again and again until `end`, and keeps the status and the seconds of each read."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service, self._ended = service, threading.Event()
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0

    def run(self) -> None:
        with self._service.client() as client:
            while not self._ended.wait(0.01):
                begun = time.monotonic()
                self.statuses[client.get(ADDRESS).status_code] += 1
                self.slowest = max(self.slowest, time.monotonic() - begun)

    def end(self) -> None:
        self._ended.set()
        self.join()


def copy_arrives(client: httpx.Client, group: RedisGroup) -> bool:
    """Whether an edit, once read, lies as a copy in the primary of the moment."""
    client.patch(ADDRESS, json={"greeting": f"Hello at {time.monotonic_ns()}"}).raise_for_status()
    client.get(ADDRESS).raise_for_status()
    port = group.primary()
    if not port:
        return False
    with group.client(port) as redis:
        return bool(redis.delete(KEY))


def test_redis__primary_killed__readers_notice_nothing_and_copies_go_to_the_next(
    through_haproxy: Service, group: RedisGroup, figure: Figure
) -> None:
    with through_haproxy.client() as client:
        wait_until(lambda: copy_arrives(client, group))
        reader = Reader(through_haproxy)
        reader.start()
        try:
            killed = group.kill_primary()
            seconds = wait_until(lambda: copy_arrives(client, group), 60)
            wait_until(lambda: client.get("/readyz").json()["redis"] == "ok", 60)
        finally:
            reader.end()
    figure(
        "C19",
        "Redis' primary killed, behind HAProxy with Sentinel",
        f"0 reads other than 200, none above {SLOWEST:g} s; copies again within {WITHOUT_REDIS:g} s",
        before="3.3 s, undocumented",
        measured=f"{dict(reader.statuses)}, slowest {reader.slowest * 1000:.0f} ms; copies after {seconds:.1f} s",
        met=set(reader.statuses) == {200} and reader.slowest <= SLOWEST and seconds <= WITHOUT_REDIS,
        why=f"killed {killed}",
    )
