"""Whatever happens, in whatever order, a lookup answers what the database says."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from coherence.cache import SOURCES
from coherence.feed import ChangeFeed
from coherence.local_cache import LocalCache
from tests.faults.conftest import LONG
from tests.faults.servers import RedisServer
from tests.faults.state_machine import Difference, Machine, World
from tests.promises import Figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
HISTORIES, STEPS = (40, 50) if LONG else (24, 30)
PLAY = hypothesis_settings(
    max_examples=HISTORIES,
    stateful_step_count=STEPS,
    derandomize=not LONG,
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.generate],  # to shrink takes minutes, as each step meets real servers
    suppress_health_check=list(HealthCheck),
)
BRIEFLY = hypothesis_settings(PLAY, derandomize=True, max_examples=50)


@pytest.fixture
def world(
    settings: Any, tmp_path: Path, clear_memory: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> Iterator[World]:
    caplog.set_level(logging.CRITICAL, "resilience.redis")  # a line each time that Redis goes and comes
    server = RedisServer(tmp_path / "redis")
    settings.REDIS_LOCATION = server.url
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": server.url}}
    users = [User.objects.create_user(name).pk for name in ("una", "ulf")]
    try:
        yield World(server, users, settings.REDIS_KEY_PREFIX, clear_memory)
    finally:
        server.client.close()
        server.stop()


def test_service__random_steps__what_the_database_says(world: World, figure: Figure) -> None:
    found = play(world, PLAY)
    assert found or set(world.lookups) == set(SOURCES), "one of the places was never asked"
    figure(
        16,
        "service = database over random steps",
        "0 differences",
        measured=f"{'a difference' if found else 0} in {world.steps:,} steps ({world.lookups.total():,} lookups)",
        met=not found,
        why=f"{found}\n{world.lookups}",
    )


@pytest.mark.parametrize("keeps_near", [True, False])
def test_service__numbers_not_compared__machine_finds_a_difference(
    world: World, monkeypatch: pytest.MonkeyPatch, keeps_near: bool
) -> None:
    """With copies in the process, and with those in Redis alone."""
    monkeypatch.setattr(ChangeFeed, "is_current", lambda *_: True)
    if not keeps_near:
        monkeypatch.setattr(LocalCache, "keep", lambda *_: None)
    assert play(world, BRIEFLY), f"{world.steps} steps have shown none"


def play(world: World, how: hypothesis_settings) -> str:
    """Return the difference that was found, with the steps that lead to it."""
    Machine.world = world
    try:
        run_state_machine_as_test(Machine, settings=how)
    except Difference as found:
        return "\n".join([str(found), *getattr(found, "__notes__", ())])
    return ""
