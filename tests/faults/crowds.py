"""Many threads that ask at the same moment, in a lab."""

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from personalities.models import Personality
from tests.faults.reads import Row, read

PATIENCE = 30.0
TABLE = Personality._meta.db_table


class Crowd:
    """A thread for each name, that reads it once, all at one moment; and how often they asked for a row."""

    def __init__(self, names: list[str]) -> None:
        self._at, self._line = 0, threading.Barrier(len(names) + 1)
        self._asked: list[str] = []
        self._rows: list[Row] = []
        self._threads = [threading.Thread(target=self._run, args=(name,), daemon=True) for name in names]
        for thread in self._threads:
            thread.start()
        self._line.wait()

    def read(self, at: int) -> tuple[int, list[Row]]:
        self._at = at
        self._line.wait()
        for thread in self._threads:
            thread.join(PATIENCE)
        return sum(TABLE in sql for sql in self._asked), self._rows

    def _run(self, name: str) -> None:
        with connection.execute_wrapper(self._count):
            self._line.wait()
            self._line.wait()
            time.sleep(max(self._at - time.monotonic_ns(), 0) / 1e9)
            self._rows.append(read(name))

    def _count(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        self._asked.append(sql)
        return execute(sql, *rest)


crowds: list[Crowd] = []


def line_up(names: list[str]) -> None:
    crowds.append(Crowd(names))


COMMANDS: dict[str, Callable[..., Any]] = {"line_up": line_up, "read_at": lambda at: crowds.pop().read(at)}
