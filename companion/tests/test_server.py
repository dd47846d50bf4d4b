"""What `python -m companion.server` sets before granian starts."""

import platform
import subprocess
import sys

import pytest

THREADS = """
import ctypes, sys, threading
from companion.server import give_memory_back

if "give" in sys.argv:
    give_memory_back()
everybody = threading.Barrier(9)

def take():
    kept = [bytes(4000) for _ in range(100)]
    everybody.wait()
    del kept

threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
everybody.wait()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def arenas(*arguments: str) -> int:
    """How many glibc has made in a process of nine threads."""
    command = [sys.executable, "-c", THREADS, *arguments]
    printed = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True, timeout=60).stderr
    return printed.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries have no arenas")
def test_memory__of_all_threads__from_one_arena() -> None:
    assert arenas() > 1
    assert arenas("give") == 1
