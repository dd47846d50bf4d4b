"""The service as the image runs it, with a fake language model behind it."""

import os
import secrets
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
    process: SupervisedServer

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

    def prepared_and_started(self) -> "Service":
        """Do what an operator does once, then start and wait until it is ready; return this."""
        self.manage("migrate")
        self.manage("seed_personalities")
        administrator = ("createsuperuser", "--noinput", "--username", USER, "--email", "")
        self.manage(*administrator, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        self.key = self.manage("create_api_key", USER).split()[-1]
        command = self.container.command(*self.container.config["Cmd"], **self.variables)
        self.process = SupervisedServer(ServerSpec("the image", command, self.log, grace_seconds=45))
        wait_until(lambda: self.is_ready() or self.process.process.poll() is not None, 30)
        assert self.process.process.poll() is None, self.log.read_text()
        return self

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
        """Stop it, as a container is stopped."""
        self.process.stop()
