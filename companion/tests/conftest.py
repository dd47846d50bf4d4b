import asyncio
from collections.abc import Iterator

import pytest

from companion.tests.asking import Asking


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def ask(runner: asyncio.Runner) -> Asking:
    return Asking(runner)
