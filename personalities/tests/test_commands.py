import json
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from personalities.archetypes import ARCHETYPES
from personalities.models import Personality

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = {"elara", "seraphina", "isla", "lyra", "aria", "nova", "juniper", "sloane"}


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def keys(redis: Any) -> set[str]:
    prefix = settings.REDIS_KEY_PREFIX
    return {key.decode().removeprefix(prefix) for key in redis.scan_iter(f"{prefix}*", count=1000)}


@pytest.fixture
def seeded() -> None:
    run("seed_personalities")


def test_seed__empty__eight_with_the_traits_of_their_archetype() -> None:
    assert set(json.loads(run("seed_personalities", "--json"))["created"]) == NAMES
    for row in Personality.objects.all():
        config = row.to_config()
        assert config.traits == ARCHETYPES[row.archetype].traits
        assert config.behaviors == ARCHETYPES[row.archetype].behaviors
        assert len(row.backstory) > 200
        assert row.greeting
        row.full_clean()


def test_seed__again__nothing_new_and_no_edit_lost(seeded: None) -> None:
    Personality.objects.filter(personality_name="elara").update(backstory="Mine.", is_active=False)
    Personality.objects.get(personality_name="nova").delete()
    assert json.loads(run("seed_personalities", "--json")) == {"created": ["nova"], "total": 8}
    elara = Personality.objects.get(personality_name="elara")
    assert (elara.backstory, elara.is_active) == ("Mine.", False)


def test_warm__all__every_active_one_is_cached(seeded: None, redis: Any, django_assert_num_queries: Any) -> None:
    Personality.objects.filter(personality_name="isla").update(is_active=False)
    assert json.loads(run("warm_personality_cache", "--json")) == {"warmed": 7}
    with django_assert_num_queries(0):
        assert len(Personality.objects.get_configs(NAMES - {"isla"})) == 7
    assert len(keys(redis)) == 14


def test_warm__named__only_those(seeded: None, redis: Any) -> None:
    assert "1 personalities warmed" in run("warm_personality_cache", "Elara")
    assert keys(redis) == {"personality:global:elara:id", "personality:global:elara:config"}


@pytest.mark.parametrize("name", ["nobody", "*", "a:b"])
def test_warm__no_such_name__refused(seeded: None, name: str) -> None:
    with pytest.raises(CommandError, match="name"):
        run("warm_personality_cache", name)


def test_clear__all__says_how_many_and_leaves_other_keys(seeded: None, redis: Any) -> None:
    run("warm_personality_cache")
    foreign = {"conversation:1", "personality:archive:elara:config", "personality:global:elara:notes", "personality"}
    for key in foreign:
        redis.set(settings.REDIS_KEY_PREFIX + key, "x")
    redis.set("test-neighbour", "x", ex=60)
    assert run("clear_personality_cache") == "16 keys deleted.\n"
    assert keys(redis) == foreign
    assert redis.delete("test-neighbour")


def test_clear__named__of_every_owner_and_nothing_else(seeded: None, redis: Any, user: User) -> None:
    Personality.objects.create(personality_name="elara", owner=user)
    run("warm_personality_cache")
    assert json.loads(run("clear_personality_cache", " ELARA", "--json")) == {"deleted": 5, "redis": "ok"}
    assert len(keys(redis)) == 14
    assert run("clear_personality_cache", "elara") == "0 keys deleted.\n"


@pytest.mark.parametrize("name", ["*", "[a", "el?ra", "a:id"])
def test_clear__a_pattern_for_a_name__refused(seeded: None, redis: Any, name: str) -> None:
    run("warm_personality_cache")
    with pytest.raises(CommandError, match="name"):
        run("clear_personality_cache", name)
    assert len(keys(redis)) == 16


def test_clear__ten_thousand_keys__all_of_them(redis: Any) -> None:
    pipeline = redis.pipeline()
    for number in range(5000):
        for part in ("id", "config"):
            pipeline.set(f"{settings.REDIS_KEY_PREFIX}personality:global:p{number}:{part}", "x")
    pipeline.execute()
    assert run("clear_personality_cache") == "10000 keys deleted.\n"


def test_show__json__keys_seconds_and_bytes(seeded: None) -> None:
    Personality.objects.get_config("elara")
    shown = json.loads(run("show_personality_cache", "--json"))
    assert [entry["key"].rpartition(":")[2] for entry in shown["keys"]] == ["config", "id"]
    assert all(86390 < entry["ttl"] <= 86400 and entry["size"] > 30 for entry in shown["keys"])
    assert 0 <= shown["hit_rate"] <= 1


def test_show__table__whole_keys(seeded: None) -> None:
    Personality.objects.get_config("elara")
    table = run("show_personality_cache", "elara")
    assert f"{settings.REDIS_KEY_PREFIX}personality:global:elara:config" in table
    assert "Hit rate" in table


def test_show__foreign_kinds_under_our_names__listed_not_failed(redis: Any) -> None:
    redis.rpush(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:config", "x")
    (entry,) = json.loads(run("show_personality_cache", "--json"))["keys"]
    assert (entry["ttl"], entry["size"]) == (None, 0)
