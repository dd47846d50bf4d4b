"""Fixtures for tests that break something: servers and worker processes of their own.

The quick form belongs to the suite. The long one is `dev.py test --faults`, or COMPANION_FAULTS=long.
"""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from chat.tests import model_server
from chat.tests.model_server import ModelServer
from tests.faults.chat_service import ChatService, chat_service
from tests.faults.environment import Environment
from tests.faults.workers import Worker

LONG = os.environ.get("COMPANION_FAULTS") == "long"


class Workers(Protocol):
    """See the fixture `workers`."""

    def __call__(self, count: int, *, without: Sequence[str] = (), **settings: str) -> list[Worker]: ...


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """PostgreSQL and Redis for all tests of the session. A test that harms them heals them: see servers.py."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        running = Environment(Path(folder))
        try:
            yield running
        finally:
            running.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatService]:
    """A chat service with its default deadlines, for all tests of the session."""
    with chat_service(tmp_path_factory.mktemp("chat")) as running:
        yield running


@pytest.fixture
def workers(environment: Environment) -> Iterator[Workers]:
    """`one, two = workers(2)`: processes that have read nothing yet; they end with the test.

    `without=["compare"]` switches a safeguard off in them; `workers(1, REDIS_ENABLED="false")` has settings of its own.
    """
    with environment.workers() as new:
        yield lambda count, *, without=(), **settings: [new(without=without, **settings) for _ in range(count)]


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Return names of personalities that no other test knows."""
    return lambda: f"f-{secrets.token_hex(5)}"


@pytest.fixture
def name(fresh: Callable[[], str]) -> str:
    """Return one name that no other test knows."""
    return fresh()


@pytest.fixture
def key(environment: Environment) -> str:
    """An API key; there is an elara to talk to."""
    if not environment.sql("SELECT 1 FROM personalities_personality WHERE personality_name = 'elara'"):
        environment.create("elara")
    return str(environment.writer.ask("issue", count=1)[0])


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A language model whose streams go on until they are released."""
    with model_server.running() as running:
        running.behaviour = model_server.wait_for_release
        yield running
