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


FILES = """
import resource
from companion.server import raise_open_files

resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))
print(*map(raise_open_files, (200, 65_536, 50)))
"""
FEW_FILES = """
import resource, sys
from granian import Granian
from companion.server import Server

resource.setrlimit(resource.RLIMIT_NOFILE, (100, 1000))
Granian.startup = sys.exit  # no worker is to start
Server("nowhere:application", backpressure=int(sys.argv[1])).startup()
"""


def test_open_files__limit__raised_as_far_as_it_may_and_never_lowered() -> None:
    assert subprocess.check_output([sys.executable, "-c", FILES], text=True) == "200 300 300\n"


@pytest.mark.parametrize(("backpressure", "warnings"), [(4096, 1), (200, 0)])
def test_server__fewer_files_than_callers_need__one_warning(backpressure: int, warnings: int) -> None:
    command = [sys.executable, "-c", FEW_FILES, str(backpressure)]
    said = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert said.stdout.count("may open 1000 files") == warnings, said.stdout


def arenas(*arguments: str) -> int:
    """How many glibc has made in a process of nine threads."""
    command = [sys.executable, "-c", THREADS, *arguments]
    printed = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True, timeout=60).stderr
    return printed.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries have no arenas")
def test_memory__of_all_threads__from_one_arena() -> None:
    assert arenas() > 1
    assert arenas("give") == 1
