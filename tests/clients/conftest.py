"""A service as `dev.py run` starts it in front of a small model, and what became of every client's program there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chat.tests import model_server
from chat.tests.model_server import ModelServer
from tests.clients import clients, environments, model
from tests.clients.clients import CLIENTS, Client, Outcome
from tests.e2e.instance import Instance

AT_A_TIME = 3  # programs; each waits for the service and for its own imports by turns
Outcomes = dict[Client, list[Outcome]]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients' environments are made; what is made for this run alone is in this folder."""
    folder: Path = tmp_path_factory.mktemp("installed")
    environments.make(folder)
    return folder


@pytest.fixture(scope="session")
def small_model() -> Iterator[ModelServer]:
    """The small language model."""
    with model_server.running() as server:
        server.behaviour = model.answer
        yield server


@pytest.fixture(scope="session")
def companion(small_model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Companion in front of it, as it is by default but for the rate, which one address would exceed."""
    settings = {"LLM_BASE_URL": small_model.url, "LLM_MODEL": "small-model", "CHAT_RATE": "100000/second"}
    running = Instance(tmp_path_factory.mktemp("clients") / "var", extra=settings)
    try:
        yield running.wait_for_block()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def key(companion: Instance) -> str:
    """The key that `dev.py run` prints."""
    with companion.http() as http:
        return str(http.headers["Authorization"]).removeprefix("Bearer ")


@pytest.fixture(scope="session")
def outcomes(installed: Path, companion: Instance, key: str) -> Outcomes:
    """What came of every program."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = pool.map(lambda client: clients.run(client, companion.url, key, installed), CLIENTS)
        return dict(zip(CLIENTS, found, strict=True))
