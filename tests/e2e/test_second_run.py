"""One `run` per var/, one listener per port: the second is told so in one line."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.instance import Instance, dev, is_free
from tests.waiting import wait_until


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def assert_refused(port: int, var: Path) -> None:
    refused = dev("run", "--port", str(port), var=var)
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert f":{port} " in line
    assert "--port" in line
    assert is_free(var)
    assert not (var / "postgres").exists()


def test_second_run__same_var__one_line_says_where_and_first_unharmed(instance: Instance) -> None:
    before, began = instance.processes(), time.monotonic()
    second = dev("run", "--port", "0", var=instance.var)
    assert time.monotonic() - began < 5
    assert (second.returncode, second.stdout) == (1, "")
    (line,) = second.stderr.splitlines()
    assert "one is running" in line
    assert str(instance.var) in line
    assert instance.url in line
    assert instance.processes() >= before
    assert instance.is_ready()


def test_second_run__port_taken__one_line_names_it_and_nothing_started(taken_port: int, tmp_path: Path) -> None:
    assert_refused(taken_port, tmp_path / "var")


def test_second_run__port_of_one_that_is_still_starting__refused(launch: Start, tmp_path: Path) -> None:
    """The first start takes minutes where a venv must be made, and the port is reserved all the time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    first = launch(tmp_path / "first", port=port)
    wait_until((first.var / "postgres").exists)
    assert_refused(port, tmp_path / "second")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_second_run__no_port__says_so(port: str, tmp_path: Path) -> None:
    refused = dev("run", "--port", port, var=tmp_path / "var")
    assert refused.returncode == 2
    assert "--port" in refused.stderr.splitlines()[-1]
