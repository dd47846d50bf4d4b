"""With Redis gone every read works and every write is kept; people are told."""

import logging
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django_redis import get_redis_connection
from rest_framework.test import APIClient

from coherence.redis_copies import hit_rate
from personalities import startup
from personalities.cache import configs_in_redis
from personalities.models import Personality
from resilience.redis_errors import errors
from resilience.redis_pool import breaker_of
from tests.waiting import MAX_SECONDS
from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def elara() -> Personality:
    return Personality.objects.create(personality_name="elara", humor_level=1)


@pytest.fixture
def stopped(elara: Personality, own_redis: SupervisedServer, clear_memory: Callable[[], None]) -> None:
    """Redis has stopped. It had a copy that is nowhere else."""
    Personality.objects.get_config("elara")
    own_redis.stop()
    clear_memory()


def test_hit_rate__since_it_started__of_all_reads_of_keys(own_redis: SupervisedServer) -> None:
    assert hit_rate() is None
    client = get_redis_connection("default")
    client.set("x", "1")
    client.mget("x", "y")
    assert hit_rate() == 0.5
    client.mget("y", "z")
    assert hit_rate() == 0.25


def test_lookups__redis_stopped__from_the_database(elara: Personality, stopped: None) -> None:
    for _ in range(3):
        assert Personality.objects.get_id("elara") == elara.id
        assert Personality.objects.get_configs(["elara", "nobody"]).keys() == {"elara"}


def test_stored__redis_stopped__no_copy_is_known_of(elara: Personality, stopped: None) -> None:
    assert configs_in_redis.existing([elara.key]) == set()


def test_save__redis_stopped__kept_and_read(elara: Personality, stopped: None) -> None:
    elara.humor_level = 2
    elara.save()
    assert Personality.objects.get_config("elara").traits.humor_level == 2


def test_reads_and_writes__redis_stopped_and_that_is_known__nothing_more_is_asked_of_it(
    elara: Personality, stopped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker_of(), "retry_after", (MAX_SECONDS, MAX_SECONDS))
    Personality.objects.get_id("elara")
    known = dict(errors)
    elara.save()
    Personality.objects.get_id("elara")
    assert errors == known
    assert known


def test_save__the_cache_is_broken_altogether__kept_and_logged(
    elara: Personality, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broken = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:6379/0?no_such_option=1"}
    settings.CACHES = {"default": broken}
    elara.humor_level = 2
    elara.save()
    assert Personality.objects.values_list("humor_level", flat=True).get() == 2
    assert "no_such_option" in caplog.text


def test_lookups__redis_stopped__it_is_logged_once(
    elara: Personality, stopped: None, clear_memory: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        clear_memory()
        Personality.objects.get_id("elara")
    assert [record.name for record in caplog.records] == ["resilience.redis"]


def test_lookups__redis_switched_off__from_the_database(elara: Personality, settings: Any, redis: object) -> None:
    settings.CACHES = {"default": django_settings.NO_CACHE}
    for _ in range(2):
        assert Personality.objects.get_id("elara") == elara.id


@pytest.mark.parametrize("command", ["audit_personality_cache", "warm_personality_cache", "show_personality_cache"])
def test_command__redis_stopped__fails_loudly(stopped: None, command: str) -> None:
    with pytest.raises(CommandError, match="did not answer"):
        call_command(command, stdout=StringIO())


def test_clear__redis_stopped__processes_forget_and_it_says_what_did_not_happen(
    elara: Personality, stopped: None, django_assert_num_queries: Any
) -> None:
    Personality.objects.get_id("elara")
    said = StringIO()
    call_command("clear_personality_cache", stdout=StringIO(), stderr=said)
    assert "No copy from before is served any more, but none was deleted: Redis at" in said.getvalue()
    with django_assert_num_queries(1):
        assert Personality.objects.lookup("elara").source == "database"


@pytest.mark.parametrize("command", ["audit_personality_cache", "warm_personality_cache", "show_personality_cache"])
def test_command__redis_switched_off__says_so(elara: Personality, settings: Any, command: str) -> None:
    settings.REDIS_ENABLED, settings.CACHES = False, {"default": django_settings.NO_CACHE}
    with pytest.raises(CommandError, match="REDIS_ENABLED=false"):
        call_command(command, stdout=StringIO())


def test_readyz__redis_stopped__ready_and_reported(stopped: None) -> None:
    response = APIClient().get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "postgresql": "ok", "redis": "unreachable", "changes": "followed"}


def test_home__redis_stopped__says_so(stopped: None) -> None:
    assert "Redis unreachable" in APIClient().get("/").content.decode()


def with_redis(settings: Any, own_redis: SupervisedServer) -> None:
    pass


def with_redis_stopped(settings: Any, own_redis: SupervisedServer) -> None:
    own_redis.stop()


def with_redis_off(settings: Any, own_redis: SupervisedServer) -> None:
    settings.REDIS_ENABLED, settings.CACHES = False, {"default": django_settings.NO_CACHE}


@pytest.mark.parametrize(
    ("prepare", "line"),
    [(with_redis, "run with Redis at"), (with_redis_stopped, "does not answer"), (with_redis_off, "run without Redis")],
)
def test_start__each_state__one_line_says_it(
    prepare: Callable[[Any, SupervisedServer], None],
    line: str,
    settings: Any,
    own_redis: SupervisedServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    prepare(settings, own_redis)
    with caplog.at_level(logging.INFO, "personalities"):
        startup.start()
    assert [line in record.getMessage() for record in caplog.records if record.name == "personalities.startup"] == [
        True
    ]


def test_lookups__many_names__one_round_trip_to_read_and_one_to_store(
    own_redis: SupervisedServer, clear_memory: Callable[[], None]
) -> None:
    for name in ("elara", "nova", "isla"):
        Personality.objects.create(personality_name=name)
    client = get_redis_connection("default")
    client.config_resetstat()
    for _ in range(2):  # cold, then warm
        clear_memory()
        assert len(Personality.objects.get_configs(["elara", "nova", "isla", "nobody"])) == 3
    calls = {name: stats["calls"] for name, stats in client.info("commandstats").items()}
    assert calls["cmdstat_mget"] == 2
    assert "cmdstat_get" not in calls
    assert calls["cmdstat_set"] + calls.get("cmdstat_setex", 0) == 6


def test_lookups__at_debug__hit_miss_stored_are_logged(
    elara: Personality, clear_memory: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "coherence"):
        Personality.objects.get_id("elara")
        clear_memory()
        Personality.objects.get_id("elara")
    said = [record.getMessage() for record in caplog.records]
    key = "personality:global:elara"
    assert said == [f"miss {key}:config", f"stored {key}:id {key}:config", f"hit {key}:config"]
