"""What the README promises to people with redis-cli, through the URL that `run` prints."""

import json
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.e2e.instance import Instance, dev

LOOKUP = "from personalities.models import Personality; print(Personality.objects.lookup('elara'))"
ID, CONFIG = "personality:global:elara:id", "personality:global:elara:config"


@pytest.fixture
def keys(instance: Instance) -> Iterator["Redis"]:
    with Redis.from_url(instance.redis_url, decode_responses=True) as client:
        yield client


def manage(instance: Instance, *arguments: str) -> str:
    ran = dev("manage", *arguments, var=instance.var)
    return ran.stdout + ran.stderr


def test_redis__after_a_read__keys_as_published(instance: Instance, keys: "Redis") -> None:
    manage(instance, "clear_personality_cache", "elara")
    assert keys.exists(ID, CONFIG) == 0
    elara = instance.elara()
    assert {ID, CONFIG} <= {*keys.keys("personality:*")}
    assert json.loads(str(keys.get(ID))) == elara["id"]
    config = json.loads(str(keys.get(CONFIG)))
    assert (config["id"], config["traits"]) == (elara["id"], elara["traits"])


def test_redis__another_process__reads_what_the_first_has_put_there(instance: Instance) -> None:
    instance.elara()
    assert "source='redis'" in manage(instance, "shell", "-v0", "-c", LOOKUP)


def test_redis__keys_deleted__nobody_notices(instance: Instance, keys: "Redis") -> None:
    elara = instance.elara()
    keys.delete(ID, CONFIG)
    assert instance.elara() == elara
    assert "source='database'" in manage(instance, "shell", "-v0", "-c", LOOKUP)
    assert keys.exists(ID, CONFIG) == 2


def test_redis__value_changed_by_hand__the_audit_finds_it_and_clear_ends_it(instance: Instance, keys: "Redis") -> None:
    greeting = instance.elara()["greeting"]
    config = json.loads(str(keys.get(CONFIG)))
    keys.set(CONFIG, json.dumps(config | {"greeting": "From Redis."}))
    assert "1 wrong or damaged: personality:global:elara" in manage(instance, "audit_personality_cache")
    manage(instance, "clear_personality_cache", "elara")
    assert instance.elara()["greeting"] == greeting
    assert "0 wrong" in manage(instance, "audit_personality_cache")
