import asyncio
from collections.abc import Iterator

import pytest

from companion.front import wrap
from companion.handler import Handler
from companion.hot_read import HotReader
from companion.tests.asgi_client import AsgiClient


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def ask(runner: asyncio.Runner) -> AsgiClient:
    return AsgiClient(runner)


@pytest.fixture
def application() -> HotReader:
    """The whole service. To import companion.asgi would start it, on the database that is not the tests'."""
    return wrap(Handler())
