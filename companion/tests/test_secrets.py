"""No page, log line or repr that can be provoked contains a planted password or key."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as redis_py
from django.contrib.auth.models import User
from django.core.cache import caches
from rest_framework.test import APIClient

from accounts.models import ApiKey
from coherence.redis_copies import RedisUnavailable
from personalities import managers, startup
from personalities.cache import configs_in_redis
from personalities.models import Personality
from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db(transaction=True)
PLANTED = "planted-redis-password"


@pytest.fixture
def locked_redis(own_redis: SupervisedServer, settings: Any) -> Iterator[redis_py.Redis]:
    """A Redis that requires a password, and a cache that knows it."""
    client = redis_py.Redis.from_url(settings.REDIS_LOCATION)
    client.config_set("requirepass", PLANTED)
    with_password(settings, PLANTED)
    yield client
    client.close()


def with_password(settings: Any, password: str) -> None:
    cache = settings.CACHES["default"]
    location = f"{cache['LOCATION'].partition('?')[0]}?health_check_interval={len(password)}"  # pools are kept by URL
    options = cache["OPTIONS"] | {"PASSWORD": password}
    settings.REDIS_PASSWORD = password
    settings.CACHES = {"default": {**cache, "LOCATION": location, "OPTIONS": options}}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything logged at any level, with tracebacks."""
    for name in ("", "personalities", "accounts", "coherence"):
        caplog.set_level(logging.DEBUG, name)
    caplog.handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    return lambda: caplog.text


def test_redis_password__right_one__works_and_is_said_nowhere(
    locked_redis: redis_py.Redis,
    log: Callable[[], str],
    clear_memory: Callable[[], None],
    django_assert_num_queries: Any,
) -> None:
    Personality.objects.create(personality_name="elara")
    Personality.objects.get_id("elara")
    clear_memory()
    with django_assert_num_queries(0):
        Personality.objects.get_id("elara")
    startup.start()
    assert "hit" in log()
    assert PLANTED not in log()
    client = caches["default"].client.get_client()  # type: ignore[attr-defined]
    assert PLANTED not in repr(client) + repr(client.connection_pool) + repr(caches["default"])


@pytest.mark.parametrize("fault", ["wrong password", "stopped"])
def test_redis_password__redis_refuses__logged_without_it(
    fault: str, locked_redis: redis_py.Redis, own_redis: SupervisedServer, settings: Any, log: Callable[[], str]
) -> None:
    if fault == "stopped":
        own_redis.stop()
    else:
        with_password(settings, f"not-{PLANTED}")
    Personality.objects.create(personality_name="elara")
    assert Personality.objects.get_config("elara").personality_name == "elara"
    startup.start()
    with pytest.raises(RedisUnavailable) as error:
        configs_in_redis.entries(configs_in_redis.scan())
    assert "Circuit breaker open" in log()
    assert PLANTED not in log() + str(error.value) + APIClient().get("/readyz").content.decode()


def test_error_page__debug__shows_no_secret(
    locked_redis: redis_py.Redis, settings: Any, user: User, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    settings.DEBUG = True
    _, text = ApiKey.objects.issue(user)
    page = failing_request(monkeypatch, text)
    assert "planted failure" in page
    for secret in (PLANTED, text, text[13:], settings.SECRET_KEY, settings.DATABASES["default"]["PASSWORD"]):
        assert secret not in page + log()


def test_error_page__production__says_nothing(
    user: User, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    _, text = ApiKey.objects.issue(user)
    page = failing_request(monkeypatch, text)
    assert "planted failure" not in page
    assert page.startswith('{"type": "about:blank", "title": "Internal Server Error"')
    assert "planted failure" in log()
    assert text not in log()


def failing_request(monkeypatch: pytest.MonkeyPatch, key: str) -> str:
    def fail(*args: object) -> None:
        raise RuntimeError("planted failure")

    monkeypatch.setattr(managers.PersonalityManager, "lookup", fail)
    client = APIClient(raise_request_exception=False)
    response = client.get("/api/v1/personalities/elara/", HTTP_AUTHORIZATION=f"Bearer {key}")
    assert response.status_code == 500
    return str(response.content.decode())
