"""However dev.py ends, its servers end with it, and what was written stays."""

import secrets
import signal
import socket
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM
from urllib.parse import urlsplit

import pytest
from redis import ConnectionError as RedisConnectionError
from redis import Redis

from tests.e2e import processes
from tests.e2e.conftest import Start
from tests.e2e.instance import CONNECT, Instance, dev, is_free
from tests.waiting import wait_until

EXIT_CODES = {SIGINT: 130, SIGTERM: 143, SIGKILL: 137}


def listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0


def redis_run_id(instance: Instance) -> str | None:
    """Return which Redis answers there, for another may take the port as soon as ours is gone."""
    try:
        with Redis.from_url(instance.redis_url) as client:
            return str(client.info("server")["run_id"])
    except RedisConnectionError:
        return None


@pytest.mark.parametrize("number", EXIT_CODES)
def test_stop__by_signal__nothing_left(start: Start, idle_var: Path, number: signal.Signals) -> None:
    running = start(idle_var)
    pids, urls, redis = running.processes(), [running.url, running.database_url], redis_run_id(running)
    assert len(pids) >= 7  # dev.py, three supervisors, three servers
    assert all(listens(url) for url in urls)

    assert running.end_by(number) == EXIT_CODES[number]

    wait_until(lambda: not processes.alive(pids))
    wait_until(lambda: not any(listens(url) for url in urls))  # the last thread of a process ends after the first
    assert redis_run_id(running) != redis
    wait_until(lambda: is_free(idle_var))


def test_stop__then_run_at_once__edits_and_password_kept(start: Start, idle_var: Path) -> None:
    running = start(idle_var)
    for number in (SIGINT, SIGKILL):
        greeting = secrets.token_hex()
        running.elara(greeting=greeting)
        running.end_by(number)
        again = start(idle_var)
        assert again.elara()["greeting"] == greeting
        assert again.password == running.password
        running = again


@pytest.mark.parametrize("number", [SIGINT, SIGKILL])
def test_stop__while_starting__nothing_left(launch: Start, tmp_path: Path, number: signal.Signals) -> None:
    running = launch(tmp_path / "var")
    wait_until((running.var / "redis").exists)  # PostgreSQL is up
    pids = running.processes()
    assert running.end_by(number) == EXIT_CODES[number]
    wait_until(lambda: not processes.alive(pids))
    wait_until(lambda: is_free(running.var))  # what was just being started is not among `pids`


def test_stop__killed_while_the_data_directory_is_made__next_start_makes_it(launch: Start, tmp_path: Path) -> None:
    killed = launch(tmp_path / "var")
    wait_until(lambda: [*(killed.var / "postgres").glob("*/PG_VERSION")])
    killed.end_by(SIGKILL)
    connected = dev("manage", "shell", "-v", "0", "-c", CONNECT, var=killed.var)
    assert connected.stdout == "connected\n", connected.stderr
