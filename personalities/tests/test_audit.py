"""audit_personality_cache finds what is planted."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from personalities.cache import codec, configs_in_redis
from personalities.models import Personality

pytestmark = pytest.mark.django_db(transaction=True)
CONFIG = "personality:global:elara:config"


@pytest.fixture(autouse=True)
def warm() -> None:
    Personality.objects.create(personality_name="elara", greeting="Good morning.")
    Personality.objects.create(personality_name="nova")
    call_command("warm_personality_cache", verbosity=0)


@pytest.fixture
def plant(redis: Any) -> Callable[..., None]:
    """Writes a configuration back to Redis with other values."""

    def write(**changes: Any) -> None:
        key = settings.REDIS_KEY_PREFIX + CONFIG
        redis.set(key, json.dumps(json.loads(redis.get(key)) | changes))

    return write


def audit(*names: str) -> tuple[dict[str, Any], bool]:
    """What it exports, and whether it fails."""
    out = StringIO()
    try:
        call_command("audit_personality_cache", *names, "--json", stdout=out)
    except CommandError:
        return json.loads(out.getvalue()), True
    return json.loads(out.getvalue()), False


def counts(**found: int) -> dict[str, int]:
    return {"compared": 2, "sound": 0, "outdated": 0, "incompatible": 0, "foreign": 0, "wrong": 0} | found


def test_audit__nothing_wrong__says_so() -> None:
    assert audit() == (counts(sound=2) | {"copies": []}, False)


def test_audit__another_greeting_planted__wrong(plant: Callable[..., None]) -> None:
    plant(greeting="Go away.")
    found = [{"key": "personality:global:elara", "verdict": "wrong"}]
    assert audit() == (counts(sound=1, wrong=1) | {"copies": found}, True)
    assert audit("nova")[1] is False


def test_audit__a_copy_without_a_row__wrong(redis: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE personalities_personality DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM personalities_personality WHERE personality_name = 'elara'")
        cursor.execute("ALTER TABLE personalities_personality ENABLE TRIGGER USER")
    assert audit()[0]["wrong"] == 1


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"x": 1}', b"\x80\x04K\x01."])
def test_audit__garbage_planted__foreign(redis: Any, garbage: bytes) -> None:
    redis.set(settings.REDIS_KEY_PREFIX + CONFIG, garbage)
    assert audit() == (counts(sound=1, foreign=1) | {"copies": [{"key": CONFIG[:-7], "verdict": "foreign"}]}, True)


@pytest.mark.parametrize("other", [b"", b'"85c872cd-68db-42d5-9164-a78a7f51a611"', None])
def test_audit__another_id_planted__foreign_until_cleared(redis: Any, other: bytes | None) -> None:
    """Lookups go by the configuration alone, but people read the id."""
    key = settings.REDIS_KEY_PREFIX + "personality:global:elara:id"
    redis.delete(key) if other is None else redis.set(key, other)
    assert audit() == (counts(sound=1, foreign=1) | {"copies": [{"key": CONFIG[:-7], "verdict": "foreign"}]}, True)
    call_command("warm_personality_cache", verbosity=0)
    assert audit()[0] == counts(sound=2) | {"copies": []}


def test_audit__an_older_copy_is_back__outdated_and_harmless() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE personalities_personality SET greeting = 'New.' WHERE personality_name = 'elara'")
    assert audit() == (counts(sound=1, outdated=1) | {"copies": [{"key": CONFIG[:-7], "verdict": "outdated"}]}, False)
    assert Personality.objects.get_config("elara").greeting == "New."


def test_copies__gone_since_their_names_were_read__no_damage(redis: Any) -> None:
    """An edit meanwhile deletes them, and nobody must be called out of bed for that."""
    keys = {(None, "elara"), (None, "nova")}
    redis.delete(*[f"{settings.REDIS_KEY_PREFIX}personality:global:elara:{part}" for part in ("id", "config")])
    assert configs_in_redis.read_or_raise(keys).keys() == {(None, "nova")}


@pytest.mark.parametrize("part", ["id", "config"])
def test_audit__a_list_under_one_of_the_keys__foreign(redis: Any, part: str) -> None:
    names = [f"{settings.REDIS_KEY_PREFIX}personality:global:elara:{each}" for each in ("id", "config")]
    redis.delete(*names)
    redis.rpush(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:{part}", "x")
    assert audit()[0]["foreign"] == 1


def test_audit__a_number_that_the_log_has_not_reached__foreign(plant: Callable[..., None]) -> None:
    meta = Personality.objects.get_config("elara").to_dict()["meta"]
    plant(meta=meta | {"number": 2**62, "shape": codec.fingerprint})
    assert audit() == (counts(sound=1, foreign=1) | {"copies": [{"key": CONFIG[:-7], "verdict": "foreign"}]}, True)


OTHER = "0123456789ab"  # the shape of another release


def as_of_another_release(redis: Any, **changes: Any) -> None:
    """Write what a release with another field would have written of elara."""
    key = settings.REDIS_KEY_PREFIX + CONFIG
    copy = json.loads(redis.get(key))
    meta = copy["meta"] | {"shape": OTHER} | changes.pop("meta", {})
    redis.set(key, json.dumps(copy | {"voice": "alto", "meta": meta} | changes))


def test_audit__copies_of_another_release__listed_and_harmless(redis: Any, clear_memory: Callable[[], None]) -> None:
    """After every upgrade that changes a field they lie there until their time is over, and no lookup believes them."""
    as_of_another_release(redis, greeting="Go away.")
    found = [{"key": CONFIG[:-7], "verdict": "incompatible"}]
    assert audit() == (counts(sound=1, incompatible=1) | {"copies": found}, False)
    out = StringIO()
    call_command("audit_personality_cache", stdout=out)
    assert "of another release; not served" in out.getvalue()
    clear_memory()
    assert Personality.objects.get_config("elara").greeting == "Good morning."


@pytest.mark.parametrize(
    "changes",
    [
        {"personality_name": "nova"},
        {"id": "85c872cd-68db-42d5-9164-a78a7f51a611"},
        {"meta": {"owner": 7}},
        {"meta": {"shape": None}},
        {"meta": {"shape": "another"}},
        {"meta": {"number": "7"}},
        {"meta": {"number": True}},
        {"meta": {"number": 2**62}},
    ],
)
def test_audit__damaged_whatever_its_shape__foreign(redis: Any, changes: dict[str, Any]) -> None:
    as_of_another_release(redis, **changes)
    assert audit() == (counts(sound=1, foreign=1) | {"copies": [{"key": CONFIG[:-7], "verdict": "foreign"}]}, True)


def test_audit__of_another_release_and_outdated__harmless(redis: Any) -> None:
    as_of_another_release(redis, meta={"history": "before a failover", "number": 2**62})
    assert audit()[0]["incompatible"] == 1


def test_audit__wrong__a_person_reads_which_and_why(plant: Callable[..., None]) -> None:
    plant(greeting="Go away.")
    out = StringIO()
    with pytest.raises(CommandError, match="1 wrong or damaged: personality:global:elara"):
        call_command("audit_personality_cache", stdout=out)
    assert "not what the row says, and served" in out.getvalue()
    counted = "1 sound, 0 outdated, 0 incompatible, 0 foreign, 1 wrong."
    assert f"2 copies compared with their rows: {counted}" in out.getvalue()
