"""The process table, on any Unix: psutil comes with the servers' wheels only, which a machine may do without."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    uid: int
    command: str
    zombie: bool


def table() -> dict[int, Process]:
    """Return the process table by process id."""
    found = _from_proc() if (PROC / "self" / "stat").exists() else _from_ps()
    return {process.pid: process for process in found}


def children(pid: int) -> set[int]:
    """Return the living children of a process."""
    return {process.pid for process in table().values() if process.parent == pid and not process.zombie}


def descendants(pid: int) -> set[int]:
    """Return the living processes that `pid` started, and those that these started."""
    living = [process for process in table().values() if not process.zombie]
    found: set[int] = set()
    wave = {pid}
    while wave:
        wave = {process.pid for process in living if process.parent in wave} - found
        found |= wave
    return found


def alive(pids: set[int]) -> set[int]:
    """Return those of `pids` that live."""
    return {pid for pid, process in table().items() if pid in pids and not process.zombie}


def uids_of(program: str, pids: set[int]) -> set[int]:
    """Return who runs `program` among `pids`: user ids, or none if it does not run."""
    return {process.uid for pid, process in table().items() if pid in pids and _runs(process, program)}


def _runs(process: Process, program: str) -> bool:
    """Judged by the first word: PostgreSQL's children write `postgres: checkpointer` there."""
    return Path(process.command.partition(" ")[0].rstrip(":")).name == program


def _from_proc() -> list[Process]:
    found = []
    for folder in PROC.glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found.append(Process(int(folder.name), int(parent), folder.stat().st_uid, command, state == "Z"))
        except OSError:
            continue  # it ended while we looked
    return found


def _from_ps() -> list[Process]:
    command = ["ps", "-A", "-o", "pid=,ppid=,uid=,state=,args="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [line.split(maxsplit=4) for line in lines]
    return [Process(int(row[0]), int(row[1]), int(row[2]), row[-1], row[3][0] == "Z") for row in rows]
