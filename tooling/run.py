"""dev.py run: everything up, one block that says where, and nothing left behind afterwards."""

import argparse
import http.client
import json
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tooling import environment, lock, servers
from tooling.banner import banner
from tooling.errors import Refusal
from tooling.paths import ROOT, VAR
from tooling.processes import Guarded, Order, free_port


def run(arguments: list[str]) -> int:
    options = _parse(arguments)
    env = environment.read()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # unwinds the context managers below, as Ctrl-C does
    with _owned(env) as hold:
        port = _port(options.host, options.port)
        python = servers.ensure_python(env, "requirements.txt")
        with servers.kept(env, hold) as urls:
            return _serve(python, options.host, port, environment.for_development(env, options.host) | urls, hold)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py run")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000; 0 takes a free one)")
    return parser.parse_args(arguments)


@contextmanager
def _owned(env: dict[str, str]) -> Iterator[list[int]]:
    """With both servers given nothing in `var/` is ours alone, and any number may run side by side."""
    if servers.all_given(env):
        yield []
    else:
        with lock.owning_var() as descriptor:
            yield [descriptor]


def _port(host: str, port: int) -> int:
    if port == 0:
        return free_port()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refusal(f"{host}:{port} cannot be used ({error.strerror}); choose another with --port") from None
    return port


def _serve(python: Path, host: str, port: int, env: dict[str, str], hold: list[int]) -> int:
    demo = VAR / "demo.json"
    command: list[str | Path] = [python, "-m", "tooling.serve", "--host", host, "--port", str(port), "--demo", demo]
    server = Guarded(Order("Companion", command, log=None, cwd=ROOT, environment=env, hold=hold))
    try:
        if not server.wait_until(partial(_answers, host, port), seconds=60):
            raise Refusal("the service did not start; the lines above say why")
        _announce(host, port, env, json.loads(demo.read_text()), own=bool(hold))
        return server.process.wait()
    finally:
        server.stop()


def _announce(host: str, port: int, env: dict[str, str], demo: dict[str, str | None], *, own: bool) -> None:
    url = f"http://{_address(host)}:{port}"
    if own:
        lock.announce({"url": url, "urls": {name: env[name] for name in servers.URLS}})
    print(banner(url, env["REDIS_URL"], demo), flush=True)


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_address(host).strip("[]"), port, timeout=2)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _address(host: str) -> str:
    """Where a person on this machine reaches a server that listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  compared with, not bound to
    return everywhere.get(host, f"[{host}]" if ":" in host else host)
