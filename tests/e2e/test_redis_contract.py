"""What the README promises to people with redis-cli, through the URL that `run` prints."""

import json
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.e2e.instance import Instance

ID, CONFIG = "personality:global:elara:id", "personality:global:elara:config"


@pytest.fixture
def keys(instance: Instance) -> Iterator["Redis"]:
    with Redis.from_url(instance.redis_url, decode_responses=True) as client:
        yield client


def test_redis__after_a_read__keys_as_published(instance: Instance, keys: "Redis") -> None:
    keys.delete(ID, CONFIG)
    elara = instance.elara()
    assert {ID, CONFIG} <= {*keys.keys("personality:*")}
    assert json.loads(str(keys.get(ID))) == elara["id"]
    config = json.loads(str(keys.get(CONFIG)))
    assert (config["id"], config["traits"]) == (elara["id"], elara["traits"])


def test_redis__keys_deleted__next_read_brings_them_back(instance: Instance, keys: "Redis") -> None:
    instance.elara()
    assert keys.delete(ID, CONFIG) == 2
    assert keys.exists(ID, CONFIG) == 0
    instance.elara()
    assert keys.exists(ID, CONFIG) == 2


def test_redis__value_changed_by_hand__is_what_a_read_shows(instance: Instance, keys: "Redis") -> None:
    """So reads do come from Redis."""
    instance.elara()
    config = json.loads(str(keys.get(CONFIG)))
    keys.set(CONFIG, json.dumps(config | {"greeting": "From Redis."}))
    assert instance.elara()["greeting"] == "From Redis."
    keys.delete(CONFIG)
    assert instance.elara()["greeting"] != "From Redis."
