"""A machine that does anything to the service, in any order, and compares it with the database after each step."""

from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from django.db import IntegrityError, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from personalities.models import Personality
from tests.faults.machine_world import NAMES, Moment, World
from tests.faults.machine_writes import CHANGING, CREATING, DELETING, RENAMING, UNHEARD, WAYS

any_name, any_row = st.sampled_from(NAMES), st.integers(0, 8)
ends = st.sampled_from([(":id", ":config"), (":id",), (":config",)])


class Machine(RuleBasedStateMachine):
    """What the own process has written through Django it must know at once; of raw SQL it hears first."""

    world: ClassVar[World]  # set before it plays: hypothesis makes a machine for each history

    def __init__(self) -> None:
        super().__init__()
        self.serial = 0
        self.past: list[Moment] = []
        self.world.renew()
        self._write("create", self._new(None, "ann"))

    @invariant()
    def service_is_database(self) -> None:
        self.world.compare()
        self.world.checks += 1
        if self.world.is_up and (moment := self.world.moment()) not in self.past:
            self.past.append(moment)

    @rule(name=any_name, way=st.sampled_from(CREATING))
    def create(self, name: str, way: str) -> None:
        self._write(way, self._new(None, name))

    @rule(name=any_name, user=st.sampled_from([1, 2]), way=st.sampled_from(CREATING))
    def shadow(self, name: str, user: int, way: str) -> None:
        self._write(way, self._new(self.world.owners[user], name))

    @rule(nth=any_row, way=st.sampled_from([*CHANGING, "raw_sql"]), active=st.sampled_from([True, True, False]))
    def change(self, nth: int, way: str, active: bool) -> None:
        self._write(way, self._changed(nth, is_active=active))

    @rule(nth=any_row, way=st.sampled_from([*CHANGING, "raw_sql"]))
    def deactivate(self, nth: int, way: str) -> None:
        self._write(way, self._changed(nth, is_active=False))

    @rule(nth=any_row, way=st.sampled_from(RENAMING), to=any_name)
    def rename(self, nth: int, way: str, to: str) -> None:
        self._write(way, self._changed(nth, personality_name=to))

    @rule(nth=any_row, way=st.sampled_from(DELETING))
    def delete(self, nth: int, way: str) -> None:
        self._write(way, self._changed(nth))

    @rule(nth=any_row, way=st.sampled_from([*CHANGING, *RENAMING, *DELETING, "raw_sql"]), to=any_name)
    def rollback(self, nth: int, way: str, to: str) -> None:
        """Also read inside, which must show the write and not publish it."""
        with transaction.atomic():
            with suppress(IntegrityError), transaction.atomic():
                self._apply(way, self._changed(nth, personality_name=to))
            self.world.compare()
            transaction.set_rollback(True)

    @rule(names=st.sampled_from([(), ("ann",), ("bob", "cleo")]))
    def clear(self, names: Sequence[str]) -> None:
        self.world.clear(*names)

    @precondition(lambda self: self.world.is_up)
    @rule()
    def redis_down(self) -> None:
        self.world.down()

    @precondition(lambda self: not self.world.is_up)
    @rule()
    def redis_up(self) -> None:
        self.world.up()

    @precondition(lambda self: self.world.is_up)
    @rule(nth=any_row, ends=ends)
    def evict(self, nth: int, ends: Sequence[str]) -> None:
        self.world.evict(self.world.keys[nth], ends)

    @precondition(lambda self: self.world.is_up and self.past)
    @rule(ago=st.integers(0, 50), ends=ends)
    def plant(self, ago: int, ends: Sequence[str]) -> None:
        """What Redis held at an earlier step."""
        self.world.plant(self.past[-1 - ago % len(self.past)], ends)

    @precondition(lambda self: self.world.is_up and self.past)
    @rule(ago=st.integers(0, 50), ends=ends)
    def plant_for_newcomer(self, ago: int, ends: Sequence[str]) -> None:
        """The same, and the process has just started."""
        self.plant(ago, ends)
        self.world.forget_near()

    @rule()
    def forget_near(self) -> None:
        self.world.forget_near()

    def _new(self, owner: int | None, name: str) -> Personality:
        return Personality(owner_id=owner, personality_name=name, greeting=self._greeting())

    def _changed(self, nth: int, **values: object) -> Personality | None:
        """One of the rows, with another greeting and `values`; not yet written."""
        rows = list(Personality.objects.order_by("personality_name", "owner"))
        row = rows[nth % len(rows)] if rows else None
        for field, value in {"greeting": self._greeting(), **values}.items() if row else ():
            setattr(row, field, value)
        return row

    def _write(self, way: str, row: Personality | None) -> None:
        with suppress(IntegrityError):  # the name is taken: one of the things that happen
            self._apply(way, row)
        if way in UNHEARD:
            self.world.hear()

    def _apply(self, way: str, row: Personality | None) -> None:
        if row:
            WAYS[way](row)

    def _greeting(self) -> str:
        self.serial += 1
        return str(self.serial)
