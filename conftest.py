"""Fixtures for every test: a database and a key prefix that no other run, and no other worker, shares."""

import gc
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis import Redis
from rest_framework.test import APIClient

from coherence.cache import CoherentCache
from coherence.feed import feed
from coherence.listener import listener
from companion.environment import OPTIONAL_APPS
from rate_limits.gcra import Rate
from resilience.clock import clock
from tests.distribution import GroupScheduling, rank
from tests.fast_database import drop_template, empty_tables_quickly, use_template
from tests.redis_use import RedisRecorder, keep_recorded
from tooling.processes import SupervisedServer
from tooling.redis import start as start_redis

pytest_plugins = ["tests.promises"]
RUN = os.environ.setdefault("COMPANION_TEST_RUN", secrets.token_hex(4))  # xdist's workers inherit it
TEMPLATE = f"test_companion_{RUN}_template"
collect_ignore = [app for app in OPTIONAL_APPS if app not in settings.COMPANION_APPS]


def pytest_configure(config: pytest.Config) -> None:
    """Give this process a database and keys of its own, and make what every test does cheap."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"test_companion_{RUN}"
    settings.REDIS_KEY_PREFIX = settings.CACHES["default"]["KEY_PREFIX"] = f"test:{RUN}:{worker}:"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes half a second
    settings.SIGN_IN_RATE = Rate(1_000_000, 1)  # all tests sign in from one address
    # What is generated must hold however busy the machine is: no test of ours asserts how long an example takes.
    hypothesis_settings.register_profile("companion", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis_settings.load_profile("companion")
    empty_tables_quickly()
    if file := os.environ.get("COMPANION_RECORD_REDIS_TESTS"):
        config.pluginmanager.register(RedisRecorder(Path(file)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Let the garbage collector alone while tests are found: it would look through all of them again and again.

    What is there by then stays to the end, and is left out of what a test collects.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep only tests that use Redis, if that is wanted, and spread tests over processes, if there are several."""
    if file := os.environ.get("COMPANION_ONLY_REDIS_TESTS"):
        items[:] = keep_recorded(Path(file), items)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)  # nothing is to be done where pytest-xdist is not loaded
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    """Keep tests together that share something costly."""
    return GroupScheduling(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked with apps that COMPANION_APPS leaves out: they are part of what it tests."""
    needed = {app for marker in item.iter_markers("apps") for app in marker.args}
    if left_out := needed - {*settings.COMPANION_APPS}:
        pytest.skip(f"COMPANION_APPS leaves out {', '.join(sorted(left_out))}")


def pytest_unconfigure() -> None:
    """Drop the template, once the processes that were cloned from it have ended."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        drop_template(TEMPLATE)


@pytest.fixture(scope="session")
def redis() -> Iterator[Any]:
    """Return a client of the Redis under test that waits as long as redis-cli: the service's gives up after 0.1 s."""
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Migrate once, where several processes test."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        with django_db_blocker.unblock():
            use_template(tmp_path_factory.getbasetemp().parent, TEMPLATE)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Stop listening before the database is dropped, which PostgreSQL would refuse."""
    yield
    listener.stop()


@pytest.fixture
def clear_memory() -> Callable[[], None]:
    """Return a function that makes this process like one that has just started: no copy is in its memory."""

    def clear() -> None:
        for cache in CoherentCache.by_kind.values():
            cache.clear_memory()

    return clear


@pytest.fixture(autouse=True)
def _no_leftovers(redis: Any, clear_memory: Callable[[], None]) -> Iterator[None]:
    """Start every test without copies. Never FLUSHDB: the server may be somebody's own."""
    prefix = settings.REDIS_KEY_PREFIX
    clear_memory()
    yield
    for key in redis.scan_iter(f"{prefix}*", count=1000):
        redis.delete(key)


@pytest.fixture
def out_of_touch() -> Iterator[Callable[[float], None]]:
    """Return a function that makes the last answer of PostgreSQL that many seconds old."""
    listener.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener, "ensure", lambda: None)
        yield lambda seconds: patch.setattr(feed, "clock", lambda: clock() + seconds)


@pytest.fixture
def staff(db: None) -> User:
    """Return a user who may edit global personalities."""
    return User.objects.create_user("stella", is_staff=True)


@pytest.fixture
def user(db: None) -> User:
    """Return a user with no special rights."""
    return User.objects.create_user("ursula")


@pytest.fixture
def client_of() -> Callable[[User], APIClient]:
    """Return a function that makes a DRF client which presents an API key of the given user."""

    def make(user: User) -> APIClient:
        from accounts.models import ApiKey

        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiKey.objects.issue(user)[1]}")
        return client

    return make


@pytest.fixture
def own_redis(settings: Any, tmp_path: Path) -> Iterator[SupervisedServer]:
    """Run a Redis of this test alone, which it may stop; the cache talks to it."""
    server, url = start_redis(tmp_path / "redis", durable=False)
    settings.REDIS_LOCATION = url
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": url}}
    yield server
    server.stop()
