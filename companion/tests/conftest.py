import asyncio
from collections.abc import Iterator

import pytest

from companion.tests.asking import Asking


@pytest.fixture
def ask() -> Iterator[Asking]:
    with asyncio.Runner() as runner:
        yield Asking(runner)
