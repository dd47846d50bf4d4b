"""A cache of user names, whose feed is the test's own and hears only `tell`."""

from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.contrib.auth.models import User

from coherence import cache as module
from coherence import single_flight
from coherence.cache import Answer, CoherentCache
from coherence.change_log import NumberedQuery, Position
from coherence.feed import ChangeFeed
from coherence.listener import listener
from coherence.tests.cache.rows import ID, insert
from coherence.tests.cache.stand_ins import Clock, Deaf, Gate, InRedis
from tests.waiting import MAX_SECONDS

STALE_SECONDS = 900.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def feed(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ChangeFeed:
    listener.stop()
    feed = ChangeFeed(clock)
    monkeypatch.setattr(module, "feed", feed)
    monkeypatch.setattr(module, "listener", Deaf())
    monkeypatch.setattr(single_flight, "JOIN_SECONDS", MAX_SECONDS)  # however busy the machine is
    feed.catch_up()
    return feed


@pytest.fixture
def tell(feed: ChangeFeed) -> Callable[[], None]:
    return feed.catch_up


ACTIVE: NumberedQuery[User] = NumberedQuery("auth.User", "id = ANY(%(ids)s) AND is_active")


@pytest.fixture
def shared(redis: Any, settings: Any) -> InRedis:
    return InRedis(redis, settings.REDIS_KEY_PREFIX)


@pytest.fixture
def gate() -> Gate:
    """A gate between the database's answer and whatever is done with it."""
    return Gate()


@pytest.fixture
def names(feed: ChangeFeed, shared: InRedis, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> CoherentCache[int, str]:
    """A cache of the names of active users, by id."""

    def load(ids: Collection[int]) -> tuple[Position | None, dict[int, str]]:
        position, users = ACTIVE(ids=list(ids))
        gate.pass_by()
        return position, {user.pk: user.username for user in users}

    monkeypatch.setattr(CoherentCache, "by_kind", dict(CoherentCache.by_kind))
    return CoherentCache(
        "unit", load, "user:{}".format, shared=shared, capacity=10, stale_if_error_seconds=STALE_SECONDS
    )


@pytest.fixture
def known(names: CoherentCache[int, str], tell: Callable[[], None]) -> None:
    """Memory and Redis both have a copy of the row ID."""
    insert(ID, "old")
    tell()
    assert names.get(ID) == Answer("old", "database")
