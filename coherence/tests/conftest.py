"""For tests in which threads meet."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture
def _hurry() -> Iterator[None]:
    """Have threads take turns as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
