"""The service as in production, with one worker watched from outside, and random requests to fuzz it with.

Processor time and memory of the worker are measured. The requests are malformed or unusual, drawn at random from a
seed: the same seed, the same requests.
"""

import json
import logging
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import psutil
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests.faults.environment import Environment
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port
from tooling.serve import GRANIAN

TABLES: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
HOST = "companion.example"
CAST = """
import json
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from accounts.login import SessionStore
from accounts.models import ApiKey
from personalities.models import Personality
Personality.objects.get_or_create(personality_name="elara")
user = User.objects.get_or_create(username="ursula")[0]
staff = User.objects.get_or_create(username="stella", is_staff=True, is_superuser=True)[0]
session = SessionStore()
session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(staff.pk), "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = staff.get_session_auth_hash()
session.save()
print(json.dumps([ApiKey.objects.issue(user)[1], session.session_key]))
"""


class Cast(NamedTuple):
    """Who asks: the API key of a user without rights, and the session of an administrator."""

    key: str
    session: str


class FuzzServer:
    """A running service."""

    def __init__(self, port: int, worker: psutil.Process, log: Path, cast: Cast) -> None:
        self.port, self.worker, self.log, self.cast = port, worker, log, cast

    @property
    def mebibytes(self) -> float:
        """How much memory the worker occupies."""
        return float(self.worker.memory_info().rss) / 2**20

    @property
    def cpu_seconds(self) -> float:
        """How long the worker has occupied a processor, in all its threads: other processes do not change that."""
        if sys.platform == "linux":
            return time.clock_gettime((~self.worker.pid << 3) | 2)  # clock_getcpuclockid(3): nanoseconds, not ticks
        times = self.worker.cpu_times()
        return float(times.user + times.system)

    @property
    def loop_seconds(self) -> float:
        """The same of the worker's main thread, which runs the event loop."""
        return float(Path(f"/proc/{self.worker.pid}/task/{self.worker.pid}/schedstat").read_text().split()[0]) / 1e9

    def exchange(self, raw: bytes, seconds: float = 30) -> bytes:
        """Send `raw`, and return all that is answered until the service closes the connection."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as connection, suppress(ConnectionError):
            connection.sendall(raw)
            while more := connection.recv(65536):
                answer += more
        return answer

    def client(self) -> httpx.Client:
        """Return a client that asks for HOST."""
        url = f"http://127.0.0.1:{self.port}"
        return httpx.Client(base_url=url, headers={"Host": HOST}, trust_env=False, timeout=30)


def set_password(environment: Environment, username: str, password: str) -> None:
    """Give a user a password whose hash is made quickly; the service makes a better one of it at the first sign-in."""
    encoded = PBKDF2PasswordHasher().encode(password, "salt", iterations=1)
    environment.sql("UPDATE auth_user SET password = %s WHERE username = %s", encoded, username)


def sign_in(client: httpx.Client, password: str, username: str = "ursula", **headers: str) -> int:
    """Try to sign in, as a browser does, under whatever session there is; return the status."""
    token = "t" * 32
    headers |= {"Cookie": f"csrftoken={token}", "Referer": f"https://{HOST}/"}
    form = {"username": username, "password": password, "csrfmiddlewaretoken": token}
    return client.post("/accounts/login/", data=form, headers=headers).status_code


@contextmanager
def fuzz_server(environment: Environment, folder: Path, **settings: str) -> Iterator[FuzzServer]:
    """Run it on the servers of `environment`; `folder` gets its log, `settings` are environment variables."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    variables = environment.variables | {"CHAT_BACKEND": "console", "CHAT_RATE": "100000/second"}
    variables |= {"ALLOWED_HOSTS": HOST} | settings
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", CAST]
    cast = subprocess.run(command, cwd=ROOT, env=variables, timeout=60, capture_output=True, text=True)
    assert cast.returncode == 0, cast.stderr
    port, log = free_port(), folder / "log"
    granian = (sys.executable, "-m", *GRANIAN, "--port", str(port))
    server = SupervisedServer(ServerSpec("granian", granian, log, cwd=ROOT, environment=variables))
    try:
        wait_until(lambda: "Started worker" in log.read_text() or server.process.poll() is not None, 60)
        assert server.process.poll() is None, log.read_text()
        wait_until(lambda: _answers(port), 60)
        (main,) = psutil.Process(server.process.pid).children()
        (worker,) = [child for child in main.children() if "resource_tracker" not in " ".join(child.cmdline())]
        yield FuzzServer(port, worker, log, Cast(*json.loads(cast.stdout.splitlines()[-1])))
    finally:
        server.stop()


def _answers(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/livez", headers={"Host": HOST}).is_success
    return False


class RandomRequests:
    """Draws what is sent over one connection after the other."""

    def __init__(self, seed: int, cast: Cast) -> None:
        self._random, self._cast = Random(seed), cast

    def connection(self) -> list[bytes]:
        """Return 1 to 12 requests to be sent over one connection without waiting for answers; the last ends it."""
        count = self._random.choice([1, 1, 2, 4, 8, 12])
        return [*(self.request() for _ in range(count - 1)), self.request(last=True)]

    def request(self, *, last: bool = False) -> bytes:
        """Return one request: mostly in order but for a few parts, now and then not HTTP at all."""
        method, target, body = self._one_of("methods"), self._target(), self._body()
        headers = self._headers(len(body), last=last)
        if body and self._one_in(12):
            headers, body = [*headers, ("Transfer-Encoding", "chunked")], self._chunked(body)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        raw = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body
        return self._broken(raw) if self._one_in(25) else raw

    def _one_of(self, table: str) -> str:
        return self._random.choice(TABLES[table])

    def _one_in(self, number: int) -> bool:
        return self._random.randrange(number) == 0

    def _text(self) -> str:
        """Return text of the kinds that parsers get wrong."""
        if self._one_in(3):
            most = 16 if self._one_in(8) else 8
            return self._one_of("characters") * int(2 ** self._random.uniform(0, most))
        if self._one_in(3):
            return "".join(self._random.choices(TABLES["characters"] + TABLES["words"], k=self._random.randrange(8)))
        return self._one_of("words")

    def _in_line(self, text: str) -> str:
        """Return `text` without what would end the line; NUL may stay."""
        return text.replace("\r", "").replace("\n", "").replace("\u2028", "\u2028" if self._one_in(2) else "")

    def _target(self) -> str:
        path = self._one_of("paths")
        if self._one_in(4):
            parts = path.split("/")
            parts[self._random.randrange(len(parts))] = self._text()
            path = "/".join(parts)
        query = "&".join(
            f"{self._one_of('parameters')}={self._text()}" for _ in range(self._random.choice([0, 0, 1, 2]))
        )
        target = f"{path}?{query}" if query else path
        return self._in_line(target).replace(" ", "%20") or "/"

    def _headers(self, length: int, *, last: bool) -> list[tuple[str, str]]:
        token = "t" * 32
        who: list[list[tuple[str, str]]] = [
            [],
            [("Authorization", f"Bearer {self._cast.key}")],
            [("Cookie", f"sessionid={self._cast.session}; csrftoken={token}"), ("X-CSRFToken", token)],
        ]
        kind = self._random.choice(["application/json"] * 3 + ["application/x-www-form-urlencoded"])
        usual = [("Host", HOST), *self._random.choice(who), ("Content-Type", kind)]
        usual += [("Content-Length", str(length))] * bool(length) + [("Connection", "close")] * last
        odd = [(self._one_of("headers"), self._value()) for _ in range(self._random.choice([0, 0, 1, 1, 2, 5]))]
        replaced = {name for name, _ in odd} if self._one_in(2) else set()
        return [pair for pair in usual if pair[0] not in replaced] + odd

    def _value(self) -> str:
        value = self._one_of("values") if self._one_in(2) else self._text()
        return self._in_line(value + self._text() if self._one_in(6) else value)

    def _body(self) -> bytes:
        if self._one_in(2):
            return b""
        kind = self._random.randrange(6)
        if kind == 0:
            return self._text().encode("utf-8", "surrogateescape")
        if kind == 1:
            return "&".join(f"{self._one_of('keys')}={self._text()}" for _ in range(8)).encode()
        if kind == 2:
            return (
                b"--x\r\nContent-Disposition: form-data; name*=bad''x\r\n\r\n"
                + self._text().encode()
                + b"\r\n--x--\r\n"
            )
        text = json.dumps(self._json(0), ensure_ascii=self._one_in(2))
        return (text[: self._random.randrange(len(text) + 1)] if self._one_in(6) else text).encode("utf-8", "replace")

    def _json(self, depth: int) -> Any:
        kind = self._random.randrange(2 if depth > 5 else 5) if depth else 4
        if kind == 0:
            return self._random.choice([None, True, 0, -1, 1.5, 10**30, 1e308, "", []])
        if kind in {1, 2}:
            return self._text()
        if kind == 3:
            return [self._json(depth + 1) for _ in range(self._random.randrange(4))]
        return {self._one_of("keys"): self._json(depth + 1) for _ in range(self._random.randrange(1, 6))}

    def _chunked(self, body: bytes) -> bytes:
        size = self._random.choice(
            [b"%x" % len(body), b"%x" % len(body), b"fffffffffffffffff", b"-1", b"g", b"0x4", b""]
        )
        return size + b"\r\n" + body + self._random.choice([b"\r\n0\r\n\r\n", b"0\r\n\r\n", b"\r\n"])

    def _broken(self, raw: bytes) -> bytes:
        at = self._random.randrange(len(raw))
        cut = self._random.randrange(1, 40)
        return raw[:at] + self._random.randbytes(self._random.choice([0, 1, 8])) + raw[at + cut :]
