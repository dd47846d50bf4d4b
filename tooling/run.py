"""dev.py run: everything up, one block that says where, and nothing left behind afterwards."""

import argparse
import hashlib
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tooling import environment, lock, servers
from tooling.banner import banner
from tooling.errors import Refusal
from tooling.paths import ROOT, VAR
from tooling.processes import Guarded, Order, ended


def run(arguments: list[str]) -> int:
    options = _parse(arguments)
    env = environment.read()
    demo = _demo_file(env)
    with _owned(env) as hold, _place(options.host, options.port) as port:
        python = servers.ensure_python(env, "requirements.txt")
        command = (python, "-m", "tooling.serve", "--host", options.host, "--port", str(port), "--demo", demo)
        with servers.kept(env, hold) as urls:
            env = environment.for_development(env, options.host) | urls
            order = Order("Companion", command, None, cwd=ROOT, environment=env, hold=hold)
            return _serve(order, f"http://{_address(options.host)}:{port}", demo)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py run")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000; 0 takes a free one)")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error("--port: 0 to 65535")
    return options


@contextmanager
def _owned(env: dict[str, str]) -> Iterator[list[int]]:
    """With both servers given nothing in `var/` is ours alone, and any number may run side by side."""
    if servers.all_given(env):
        yield []
    else:
        with lock.owning_var() as descriptor:
            yield [descriptor]


@contextmanager
def _place(host: str, port: int) -> Iterator[int]:
    """The port that the service will listen on, kept from others from the start: making .venv gives them time."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:  # not shared, and so refused where anybody is
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            port = probe.getsockname()[1]
        with socket.socket(family) as keeper:  # shared with the service; it does not listen
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            keeper.bind((host, port))
            yield port
    except OSError as error:
        raise Refusal(f"{host}:{port} cannot be used ({error.strerror}); choose another with --port") from None


def _demo_file(env: dict[str, str]) -> Path:
    """The administrator of one database is not that of another: each that is given has a file of its own."""
    given = env.get("DATABASE_URL")
    return VAR / (f"demo-{hashlib.sha256(given.encode()).hexdigest()[:12]}.json" if given else "demo.json")


def _serve(order: Order, url: str, demo: Path) -> int:
    server = Guarded(order)
    try:
        if not server.wait_until(partial(_answers, url), seconds=60):
            raise Refusal("the service did not start; the lines above say why")
        _announce(url, order, json.loads(demo.read_text()))
        return ended(server.process)
    finally:
        server.stop()


def _announce(url: str, order: Order, demo: dict[str, str | None]) -> None:
    env = order.environment or {}
    if order.hold:
        lock.announce({"url": url, "urls": {name: env[name] for name in servers.URLS}})
    print(banner(url, env["REDIS_URL"], demo), flush=True)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=0.2)
    try:
        connection.request("GET", "/livez")
        connection.getresponse()  # any: the port is ours, so nobody else's answer can be mistaken for it
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def _address(host: str) -> str:
    """Where a person on this machine reaches a server that listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  compared with, not bound to
    return everywhere.get(host, f"[{host}]" if ":" in host else host)
