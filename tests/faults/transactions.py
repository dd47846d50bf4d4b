"""Somebody who looks on, over a connection of their own, while others write: what may they see, and when?"""

import threading
import time
from collections.abc import Callable, Mapping

from django.db import connection

from coherence.feed import IN_TOUCH_SECONDS, feed
from personalities.models import Personality

NAMES = ("ada", "ben", "cy")
View = Mapping[str, str | None]  # greeting by name; None: there is no such row
GIVEN_UP = 10.0
NOTHING: View = dict.fromkeys(NAMES)


class Leak(AssertionError):
    """Somebody has seen what they must not see, or has not seen what they must."""


def look() -> View:
    """What the service serves."""
    found = Personality.objects.get_configs(NAMES)
    return {name: found[name].greeting if name in found else None for name in NAMES}


def hear() -> None:
    """Wait until this process knows of raw SQL that has been committed, as long as is promised."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(number) FROM coherence_change")
        (number,) = cursor.fetchone()
    wait(lambda: feed.number >= number, IN_TOUCH_SECONDS)


def wait(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise Leak(f"not within {seconds} s")
        time.sleep(0.0002)


class Onlooker:
    """A thread that reads all the time. It may see what `allowed` says, and nothing else."""

    def __init__(self) -> None:
        self.allowed: list[View] = [NOTHING]
        self.rounds, self.leaks = 0, list[str]()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Onlooker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join()

    def allow(self, *views: View) -> None:
        """From now on nothing else may be seen, though a look under way may still show what was allowed before."""
        self.allowed = list(views)
        self.see()

    def see(self) -> None:
        """Wait until it has looked once more, from begin to end. Raise Leak if it has ever seen something wrong."""
        rounds = self.rounds
        wait(lambda: self.rounds > rounds + 1 or not self._thread.is_alive(), GIVEN_UP)
        if self.leaks or not self._thread.is_alive():
            raise Leak("; ".join(self.leaks) or "the onlooker has died")

    def _run(self) -> None:
        try:
            while not self._leaving.wait(0.0002):
                self._look()
                self.rounds += 1
        finally:
            connection.close()

    def _look(self) -> None:
        """What was allowed at the beginning, or is now: between two looks there is one commit at most."""
        before = self.allowed
        seen = look()
        if wrong := [name for name in NAMES if seen[name] not in {view[name] for view in (*before, *self.allowed)}]:
            self.leaks.append(f"{wrong}: seen {seen}, allowed {before} and then {self.allowed}")
