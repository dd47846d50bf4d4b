"""The service as the README runs it in production: settings by default, no dev.py in front."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.instance import wait_until
from tooling.paths import ROOT
from tooling.processes import Guarded, Order, free_port

HOST = {"Host": "companion.example"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    assert "`uvicorn companion.asgi:application --lifespan off`" in (ROOT / "README.md").read_text()
    port, log = free_port(), tmp_path / "log"
    uvicorn = Path(sys.executable).with_name("uvicorn")
    command = (uvicorn, "companion.asgi:application", "--lifespan", "off", "--port", str(port))
    env = {name: os.environ[name] for name in ("PATH", "DATABASE_URL", "REDIS_URL", "SECRET_KEY")}
    env |= {"ALLOWED_HOSTS": "companion.example"}
    running = Guarded(Order("uvicorn", command, log, cwd=ROOT, environment=env))
    try:
        wait_until(lambda: "running on" in log.read_text() or running.process.poll() is not None, 30)
        assert running.process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        running.stop()


def test_production__uvicorn__https_only_but_for_probes(server: str) -> None:
    with httpx.Client(base_url=server, headers=HOST, trust_env=False) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").json()["status"] == "ready"
        moved = client.get("/api/v1/archetypes/")
        assert (moved.status_code, moved.headers["Location"]) == (301, "https://companion.example/api/v1/archetypes/")
        assert client.get("/livez", headers={"Host": "evil.example"}).status_code == 400
        assert client.get("/static/favicon.svg").status_code == 301
