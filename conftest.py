"""Fixtures for every test: a database and a key prefix that no other run, and no other worker, shares."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from redis import Redis
from rest_framework.test import APIClient

from coherence.cache import CoherentCache
from coherence.feed import feed
from coherence.listener import listener
from resilience.clock import clock
from tooling.processes import SupervisedServer
from tooling.redis import start as start_redis

RUN = os.environ.setdefault("COMPANION_TEST_RUN", secrets.token_hex(4))  # xdist's workers inherit it


def pytest_configure() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"test_companion_{RUN}"
    settings.REDIS_KEY_PREFIX = settings.CACHES["default"]["KEY_PREFIX"] = f"test:{RUN}:{worker}:"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes half a second


@pytest.fixture
def redis() -> Iterator[Any]:
    """A client of the Redis under test, as patient as redis-cli: the service's own gives up after 0.1 s."""
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """A database cannot be dropped while somebody listens to it."""
    yield
    listener.stop()


@pytest.fixture
def forget_near() -> Callable[[], None]:
    """Makes this process one that has just started: it keeps no copy near."""

    def forget() -> None:
        for cache in CoherentCache.by_kind.values():
            cache._start_anew()

    return forget


@pytest.fixture(autouse=True)
def _no_leftovers(redis: Any, forget_near: Callable[[], None]) -> Iterator[None]:
    """Every test finds no copies. Never FLUSHDB: the server may be somebody's own."""
    prefix = settings.REDIS_KEY_PREFIX
    forget_near()
    yield
    for key in redis.scan_iter(f"{prefix}*", count=1000):
        redis.delete(key)


@pytest.fixture
def out_of_touch() -> Iterator[Callable[[float], None]]:
    """Makes it so many seconds since PostgreSQL was heard of last."""
    listener.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener, "ensure", lambda: None)
        yield lambda seconds: patch.setattr(feed, "clock", lambda: clock() + seconds)


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_user("stella", is_staff=True)


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ursula")


@pytest.fixture
def client_of() -> Callable[[User], APIClient]:
    """A DRF client that presents an API key of the given user."""

    def make(user: User) -> APIClient:
        from accounts.models import ApiKey

        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiKey.objects.issue(user)[1]}")
        return client

    return make


@pytest.fixture
def own_redis(settings: Any, tmp_path: Path) -> Iterator[SupervisedServer]:
    """A Redis of this test alone, which it may stop; the cache talks to it."""
    server, url = start_redis(tmp_path / "redis", durable=False)
    settings.REDIS_LOCATION = url
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": url}}
    yield server
    server.stop()
