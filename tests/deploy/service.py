"""The service as the image runs it, with a fake language model behind it."""

import os
import secrets
from copy import copy
from pathlib import Path

import httpx

from chat.tests.model_server import ModelServer
from tests.deploy.image import Container
from tests.waiting import wait_until
from tooling.processes import ServerSpec, SupervisedServer, free_port

HOST = "companion.example"
USER, PASSWORD = "olivia", secrets.token_urlsafe(12)


class Service:
    """It listens on `port`, believes a proxy on this machine, and stops with `stop`."""

    key: str
    process: SupervisedServer | None = None

    def __init__(self, container: Container, model: ModelServer, log: Path, database_url: str) -> None:
        self.container, self.model, self.log, self.port = container, model, log, free_port()
        self.variables = {
            "ALLOWED_HOSTS": HOST,
            "BEHIND_HTTPS_PROXY": "true",
            "CHAT_RATE": "100000/second",
            "DATABASE_URL_FILE": container.secret("database_url", database_url),
            "GRANIAN_PORT": str(self.port),
            "GRANIAN_WORKERS": "2",
            "LLM_BASE_URL": model.url,
            "LLM_MODEL": "big-model",
            "REDIS_KEY_PREFIX": "deploy:",
            "REDIS_URL_FILE": container.secret("redis_url", os.environ["REDIS_URL"]),
            "SECRET_KEY_FILE": container.secret("secret_key", secrets.token_urlsafe(50)),
            "TRUSTED_PROXIES": "127.0.0.1",
        }

    def manage(self, *arguments: str, **variables: str) -> str:
        """Run a management command in the container; return what it printed."""
        return self.container.run("python3", "manage.py", *arguments, **self.variables, **variables)

    def prepare(self) -> None:
        """Do what an operator does once."""
        self.manage("migrate")
        self.manage("seed_personalities")
        administrator = ("createsuperuser", "--noinput", "--username", USER, "--email", "")
        self.manage(*administrator, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        self.key = self.manage("create_api_key", USER).split()[-1]

    def started(self) -> "Service":
        """Run the image's command and wait until it is ready; return this."""
        command = self.container.command(*self.container.config["Cmd"], **self.variables)
        self.process = server = SupervisedServer(ServerSpec("the image", command, self.log, grace_seconds=45))
        wait_until(lambda: self.is_ready() or server.process.poll() is not None, 60)
        assert server.process.poll() is None, self.log.read_text()
        return self

    def beside(self, **variables: str) -> "Service":
        """Return another, not yet started, on the same database but with these variables, on a port of its own."""
        other = copy(self)
        other.port, other.log = free_port(), self.log.with_name(f"log-{free_port()}")
        given = {name: value for name, value in self.variables.items() if name.removesuffix("_FILE") not in variables}
        other.variables = given | variables | {"GRANIAN_PORT": str(other.port)}
        return other

    def client(self) -> httpx.Client:
        """Return a client that presents the key, as if through a proxy."""
        headers = {"Host": HOST, "X-Forwarded-Proto": "https", "Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, trust_env=False, verify=False)

    def is_ready(self) -> bool:
        """Whether it says so itself."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", headers={"Host": HOST}, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def is_healthy(self) -> bool:
        """Whether the image's health check passes."""
        return self.container.is_healthy(self.port)

    def stop(self) -> None:
        """Stop it if it was started, as a container is stopped."""
        if self.process:
            self.process.stop()
