"""Random transactions with savepoints, each from its seed, compared with what should be seen inside and elsewhere."""

import threading
import time
from collections.abc import Callable, Mapping
from random import Random

from django.db import IntegrityError, connection, transaction

from coherence.feed import IN_TOUCH_SECONDS, feed
from personalities.models import Personality
from tests.faults import writes
from tests.faults.writes import CHANGING, DELETING, MAKING, RENAMING

NAMES = ("ada", "ben", "cy")
View = Mapping[str, str | None]  # greeting by name; None: there is no such row
GIVEN_UP = 10.0
NOTHING: View = dict.fromkeys(NAMES)


class Leak(AssertionError):
    """Something was seen that must not be, or not seen that must be."""


def look() -> View:
    """Return what the service serves of NAMES."""
    found = Personality.objects.get_configs(NAMES)
    return {name: found[name].greeting if name in found else None for name in NAMES}


def hear() -> None:
    """Wait until this process knows of raw SQL that has been committed, for as long as is promised."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(number) FROM coherence_change")
        (number,) = cursor.fetchone()
    wait(lambda: feed.number >= number, IN_TOUCH_SECONDS)


def wait(true: Callable[[], bool], seconds: float) -> None:
    """Wait until it is true; raise Leak after `seconds`."""
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
        """End the thread."""
        self._leaving.set()
        self._thread.join()

    def allow(self, *views: View) -> None:
        """From now on nothing else may be seen, though a look under way may still show what was allowed before."""
        self.allowed = list(views)
        self.see()

    def see(self) -> None:
        """Wait until it has looked once more, from beginning to end. Raise Leak if it has ever seen something wrong."""
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


EXISTS, ROLLS_BACK, NESTS, VIOLATES, COOLS, DEPTH = 0.7, 0.4, 0.2, 0.1, 0.2, 3
UNHEARD = {writes.raw_sql, writes.raw_sql_many, writes.rename_by_sql}  # the own process is not told of these
UNFIT = {writes.admin_delete, writes.truncate}  # another's request; and nobody can read until TRUNCATE is committed
ERASING = tuple(way for way in DELETING if way not in UNFIT)
Way = Callable[..., None]


class Undone(Exception):
    """The transaction, or this part of it, shall be rolled back."""


class History:
    """One random transaction: `run` it, and it raises Leak if it was not isolated."""

    def __init__(self, seed: int, onlooker: Onlooker, redis: Callable[[], View], cool: Callable[[bool], None]) -> None:
        """`redis` tells the greetings that lie there; `cool` forgets the copies in the process, or all of them."""
        self.random, self.onlooker, self.redis, self.cool = Random(seed), onlooker, redis, cool
        self.serial, self.steps = 1000 * seed, [f"seed {seed}"]
        self.view: View = NOTHING  # what is true inside
        self.ways: set[Way] = set()
        self.past: list[View] = []  # what was ever committed: a look that began before may keep it in Redis later

    def run(self) -> None:
        """Run the transaction; raise Leak if it was not isolated."""
        try:
            self._begin()
            self._block(0)
            self._settle()
        except Leak as leak:
            leak.add_note(" → ".join(self.steps))
            raise

    def _begin(self) -> None:
        """Some of the names exist."""
        self.cool(True)
        self.past += self.onlooker.allowed
        self.onlooker.allow(*self.onlooker.allowed, NOTHING)
        Personality.objects.all().delete()
        self._settle()
        self.view = {name: self._greeting() if self.random.random() < EXISTS else None for name in NAMES}
        self.onlooker.allow(NOTHING, self.view)
        rows = [Personality(personality_name=name, greeting=text) for name, text in self.view.items() if text]
        Personality.objects.bulk_create(rows)
        self._settle()

    def _settle(self) -> None:
        """After the commit, or the rollback, nothing else may be seen by anybody."""
        if self.ways & UNHEARD:
            hear()
        self.past.append(self.view)
        self.onlooker.allow(self.view)
        self._check()
        self.cool(False)
        self._check()

    def _block(self, depth: int) -> None:
        """A transaction, or a part of it. It ends as it likes."""
        before, is_undone = self.view, self.random.random() < ROLLS_BACK
        try:
            with transaction.atomic():
                for _ in range(self.random.randint(1, 4)):
                    self._step(depth)
                    self._check()
                self._leave(depth, is_undone)
        except (Undone, IntegrityError) as error:
            self.steps.append(f"{depth} {type(error).__name__}")
            self.view = before

    def _leave(self, depth: int, is_undone: bool) -> None:
        if is_undone:
            raise Undone
        self.steps.append(f"{depth} ends")
        if not depth:
            self.onlooker.allow(*self.onlooker.allowed, self.view)  # it may be committed at any moment from here

    def _step(self, depth: int) -> None:
        if self.random.random() < COOLS:
            self.cool(self.random.random() < 0.5)
        if depth < DEPTH and self.random.random() < NESTS:
            self._block(depth + 1)
        else:
            self._write()

    def _write(self) -> None:
        """What makes a name that is taken raises IntegrityError, which ends this part of the transaction."""
        name, to, serial = *self.random.sample(NAMES, 2), self._greeting()
        makes = not self.view[name] or self.random.random() < VIOLATES
        ways: tuple[Way, ...] = MAKING if makes else (*CHANGING, *ERASING, *RENAMING)
        way = self.random.choice(ways)
        self.steps.append(f"{way.__name__} {name}")
        self.ways.add(way)
        if way in RENAMING:
            self._rename(way, name, to, serial)
        else:
            self._must_be_free(name if makes else None, lambda: way(name, int(serial)))
            self.view = {**self.view, name: None if way in ERASING else serial}

    def _rename(self, way: Way, name: str, to: str, serial: str) -> None:
        self._must_be_free(to, lambda: way(name, int(serial), to))
        self.view = {**self.view, name: None, to: serial}

    def _must_be_free(self, name: str | None, write: Callable[[], None]) -> None:
        write()
        if name and self.view[name]:
            raise Leak(f"{name} was taken, and IntegrityError not raised")

    def _check(self) -> None:
        """Inside the transaction its own writes are seen, elsewhere what is committed, in Redis what ever was."""
        if (seen := look()) != self.view:
            raise Leak(f"inside is seen {seen} instead of {self.view}")
        self.onlooker.see()
        kept = self.redis()
        if wrong := [name for name in NAMES if kept[name] not in {None, *(view[name] for view in self.past)}]:
            raise Leak(f"in Redis lies {[kept[name] for name in wrong]} under {wrong}")

    def _greeting(self) -> str:
        self.serial += 1
        return str(self.serial)
