"""Looking at what is open leaves nothing open; tests/faults/test_slow_readers.py cuts callers off."""

import os
import sys

import pytest

from companion.slow_readers import SlowReaders


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what there is to know")
def test_look__again_and_again__nothing_left_open() -> None:
    looking = SlowReaders()
    looking.look(0)
    before = len(os.listdir("/proc/self/fd"))
    for second in range(1, 20):
        looking.look(second * 20)
    assert len(os.listdir("/proc/self/fd")) <= before + 5  # other threads of the suite open some of their own
