import asyncio
from collections.abc import Iterator

import pytest

from companion.tests.asgi_client import AsgiClient


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def ask(runner: asyncio.Runner) -> AsgiClient:
    return AsgiClient(runner)
