"""The service as in production, with one worker, whose processor time and memory are watched from outside."""

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests.faults.environment import Environment
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port
from tooling.serve import GRANIAN

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
