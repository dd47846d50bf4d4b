"""The lookups against a real PostgreSQL and a real Redis. transaction=True: inside a transaction nothing is cached."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, transaction
from django.template import Context, Template
from django_redis import get_redis_connection

from coherence.codec import plain_key
from personalities.cache import codec
from personalities.models import Personality
from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db(transaction=True)
Queries = Callable[[int], Any]


def make(name: str = "elara", **values: Any) -> Personality:
    return Personality.objects.create(personality_name=name, **values)


def cached(redis: Any, key: str) -> Any:
    raw = redis.get(settings.REDIS_KEY_PREFIX + key)
    return None if raw is None else json.loads(raw)


def test_get_id__warm__no_query(django_assert_num_queries: Queries) -> None:
    elara = make()
    assert Personality.objects.get_id("elara") == elara.id
    with django_assert_num_queries(0):
        assert Personality.objects.get_id("Elara ") == elara.id


def test_get_config__cold_then_warm__one_query_then_none(django_assert_num_queries: Queries) -> None:
    make(humor_level=9)
    with django_assert_num_queries(1):
        cold = Personality.objects.get_config("elara")
    with django_assert_num_queries(0):
        warm = Personality.objects.get_config("ELARA")
    assert warm == cold
    assert warm.traits.humor_level == 9


def test_get_config__handed_out__cannot_be_changed() -> None:
    make()
    config = Personality.objects.get_config("elara")
    with pytest.raises(AttributeError):
        config.traits.humor_level = 3  # type: ignore[misc]


def test_update__named_in_a_template__not_called() -> None:
    make()
    assert Template("{{ rows.update }}").render(Context({"rows": Personality.objects.all()})) == ""


def test_get_config__stored__keys_and_values_as_published(redis: Any) -> None:
    elara = make(archetype="wise_mentor", backstory="Bridges.")
    Personality.objects.get_config("elara")
    config = cached(redis, "personality:global:elara:config")
    assert cached(redis, "personality:global:elara:id") == str(elara.id) == config["id"]
    assert config["personality_name"] == "elara"
    assert config["archetype"] == "wise_mentor"
    assert len(config["traits"]) == 8
    assert len(config["behaviors"]) == 5
    assert config["custom"] == {"backstory": "Bridges.", "custom_instructions": None, "speaking_style": None}
    assert config["meta"]["version"] == 1
    for key in ("id", "config"):
        assert 86390 < redis.ttl(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:{key}") <= 86400


def test_keys__default_settings__without_any_prefix() -> None:
    assert plain_key("personality:global:elara:id", "", 1) == "personality:global:elara:id"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("personality:global:elara:config", (None, "elara")),
        ("personality:global:elara:id", (None, "elara")),
        ("personality:7:mira:config", (7, "mira")),
        ("personality:global:global:config", (None, "global")),
        ("personality:mira:7:config", None),
        ("personality:7:mira:other", None),
        ("prefs:7", None),
    ],
)
def test_codec__a_name_in_redis__whose_copy_lies_there(name: str, key: Any) -> None:
    assert codec.key_from_redis(name) == key
    assert key is None or name in codec.redis_keys(key)


@pytest.mark.parametrize("name", ["nobody", "*", "a:id", "el\nara", "x" * 100_000, ""])
def test_get_config__no_such_personality__does_not_exist_and_no_key(name: str, redis: Any) -> None:
    with pytest.raises(Personality.DoesNotExist):
        Personality.objects.get_config(name)
    assert not list(redis.scan_iter(f"{settings.REDIS_KEY_PREFIX}*"))


def test_get_config__inactive__does_not_exist() -> None:
    elara = make()
    Personality.objects.get_config("elara")
    elara.is_active = False
    elara.save()
    with pytest.raises(Personality.DoesNotExist):
        Personality.objects.get_config("elara")


def test_get_config__own_shadows_global__for_its_owner_alone(user: User, staff: User) -> None:
    make(), make(owner=user, humor_level=1)  # noqa: B018
    for _ in range(2):  # cold, then warm
        assert Personality.objects.get_config("elara", user).meta.owner == user.pk
        assert Personality.objects.get_config("elara", user.pk).traits.humor_level == 1
        assert Personality.objects.get_config("elara", staff).meta.owner is None
        assert Personality.objects.get_config("elara").meta.owner is None


def test_get_config__own_deleted__global_again(user: User) -> None:
    make()
    own = make(owner=user)
    assert Personality.objects.get_config("elara", user).meta.owner == user.pk
    own.delete()
    assert Personality.objects.get_config("elara", user).meta.owner is None


def test_get_configs__many_names__one_query_then_none(django_assert_num_queries: Queries) -> None:
    for name in ("elara", "nova", "isla"):
        make(name)
    names = ["Elara", "nova", "isla", "nobody", "*"]
    with django_assert_num_queries(1):
        cold = Personality.objects.get_configs(names)
    assert set(cold) == {"Elara", "nova", "isla"}
    with django_assert_num_queries(0):
        assert Personality.objects.get_configs(["Elara", "nova", "isla"]) == cold


def test_get_configs__copies_in_redis__one_round_trip(
    own_redis: SupervisedServer, clear_memory: Callable[[], None]
) -> None:
    for name in ("elara", "nova", "isla"):
        make(name)
    Personality.objects.get_configs(["elara", "nova", "isla"])
    clear_memory()
    client = get_redis_connection("default")
    client.config_resetstat()
    assert len(Personality.objects.get_configs(["elara", "nova", "isla"])) == 3
    stats = client.info("commandstats")
    assert (stats["cmdstat_mget"]["calls"], "cmdstat_get" in stats) == (1, False)


GARBAGE = [b"", b"{", b"1_0", b"null", b"[]", b'"x"', b"5", b"\x80\x04K\x01.", b'{"id": 1}', b"[" * 100_000,
           b"\xff\xfe", b"9" * 5000]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE)
def test_get_config__foreign_value_in_redis__read_from_the_row_and_mended(
    redis: Any, garbage: bytes, clear_memory: Callable[[], None], django_assert_num_queries: Queries
) -> None:
    elara, nova = make(), make("nova")
    Personality.objects.get_configs(["elara", "nova"])
    redis.set(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:config", garbage)
    clear_memory()
    with django_assert_num_queries(1):
        configs = Personality.objects.get_configs(["elara", "nova"])
    assert (configs["elara"].id, configs["nova"].id) == (elara.id, nova.id)
    clear_memory()
    with django_assert_num_queries(0):
        assert Personality.objects.get_id("elara") == elara.id


@pytest.mark.parametrize("garbage", [*GARBAGE, None])
def test_get_id__foreign_id_in_redis__not_asked(
    redis: Any, garbage: bytes | None, clear_memory: Callable[[], None], django_assert_num_queries: Queries
) -> None:
    elara = make()
    Personality.objects.get_id("elara")
    key = f"{settings.REDIS_KEY_PREFIX}personality:global:elara:id"
    redis.delete(key) if garbage is None else redis.set(key, garbage)
    clear_memory()
    with django_assert_num_queries(0):
        assert Personality.objects.get_id("elara") == elara.id


def test_get_config__a_list_under_our_key__read_from_the_row(redis: Any, clear_memory: Callable[[], None]) -> None:
    elara = make()
    Personality.objects.get_config("elara")
    key = f"{settings.REDIS_KEY_PREFIX}personality:global:elara:config"
    redis.delete(key)
    redis.rpush(key, "x")
    clear_memory()
    assert Personality.objects.lookup("elara")[:2] == (elara.to_config(), "database")


def test_get_config__global_for_a_user_with_none_of_their_own__warm_no_query(
    user: User, django_assert_num_queries: Queries
) -> None:
    elara = make()
    Personality.objects.get_config("elara", user)
    with django_assert_num_queries(0):
        assert Personality.objects.get_id("elara", user) == elara.id
        assert Personality.objects.get_configs(["elara"], user)["elara"].id == elara.id


def test_get_config__own_made_after_the_global_was_read__own(user: User) -> None:
    make()
    Personality.objects.get_config("elara", user)
    own = make(owner=user)
    assert Personality.objects.get_id("elara", user) == own.id


def test_get_config__own_made_active_by_update__own(user: User) -> None:
    make()
    own = make(owner=user, is_active=False)
    assert Personality.objects.get_config("elara", user).meta.owner is None
    Personality.objects.filter(pk=own.pk).update(is_active=True)
    assert Personality.objects.get_id("elara", user) == own.id


@pytest.mark.parametrize("foreign", ["nova", "own"])
def test_get_config__copies_of_another_under_our_keys__not_believed(
    redis: Any, user: User, foreign: str, clear_memory: Callable[[], None]
) -> None:
    elara = make()
    other = make("nova") if foreign == "nova" else make(owner=user)
    Personality.objects.get_configs(["elara", "nova"], user)
    Personality.objects.get_configs(["elara", "nova"])
    source = "personality:global:nova" if foreign == "nova" else f"personality:{user.pk}:elara"
    for part in ("id", "config"):
        value = redis.get(f"{settings.REDIS_KEY_PREFIX}{source}:{part}")
        redis.set(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:{part}", value)
    clear_memory()
    answer = Personality.objects.lookup("elara")
    assert (answer.value, answer.source) == (elara.to_config(), "database") != (other.to_config(), "database")


@pytest.mark.parametrize(
    "change",
    [
        {"greeting": "\ud800"},
        {"greeting": "x" * 501},
        {"is_active": False},
        {"personality_name": "nova"},
        {"archetype": 5},
        {"traits": {"humor_level": 3}},
        {"is_active": "yes"},
        {"unknown": 1},
        {"id": "85c872cd"},
        {"meta": {"shape": "another release"}},
        {"meta": {"owner": 7}},
        {"meta": {"version": 0}},
        {"meta": {"created_at": "yesterday"}},
        {"meta": {"history": "another"}},
        {"meta": {"history": 7}},
        {"meta": {"number": "7"}},
        {"meta": {"number": True}},
        {"meta": {"number": None}},
        {"meta": {"number": 0}},
        {"meta": {"number": 10**18}},
        {"meta": {"unknown": 1}},
    ],
)
def test_get_config__another_shape_in_redis__read_from_the_row(
    redis: Any, clear_memory: Callable[[], None], change: dict[str, Any]
) -> None:
    elara = make(humor_level=8)
    Personality.objects.get_config("elara")
    key = "personality:global:elara:config"
    stored = cached(redis, key)
    altered = stored | change | {"meta": stored["meta"] | change.get("meta", {})}
    redis.set(settings.REDIS_KEY_PREFIX + key, json.dumps(altered))
    clear_memory()
    assert Personality.objects.lookup("elara")[:2] == (elara.to_config(), "database")
    clear_memory()
    assert Personality.objects.lookup("elara")[:2] == (elara.to_config(), "redis")  # mended


def test_get_config__number_in_redis_is_no_integer__read_from_the_row(
    redis: Any, clear_memory: Callable[[], None]
) -> None:
    make()
    Personality.objects.get_config("elara")
    key = "personality:global:elara:config"
    stored = cached(redis, key)
    stored["meta"]["number"] = float(stored["meta"]["number"])
    redis.set(settings.REDIS_KEY_PREFIX + key, json.dumps(stored))
    clear_memory()
    assert Personality.objects.lookup("elara").source == "database"


@pytest.mark.parametrize("part", ["history", "number", "shape", "version", "owner"])
def test_get_config__copy_in_redis_lacks_a_part_of_its_meta__read_from_the_row(
    redis: Any, clear_memory: Callable[[], None], part: str
) -> None:
    elara = make()
    Personality.objects.get_config("elara")
    key = "personality:global:elara:config"
    stored = cached(redis, key)
    del stored["meta"][part]
    redis.set(settings.REDIS_KEY_PREFIX + key, json.dumps(stored))
    clear_memory()
    assert Personality.objects.lookup("elara")[:2] == (elara.to_config(), "database")


def test_get_id__id_of_another_row__not_believed(redis: Any, clear_memory: Callable[[], None]) -> None:
    elara = make()
    Personality.objects.get_id("elara")
    redis.set(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:id", '"85c872cd-68db-42d5-9164-a78a7f51a611"')
    clear_memory()
    assert Personality.objects.get_id("elara") == elara.id


def test_visible_to__each_user__their_own_and_the_global_ones_that_are_for_them(user: User, staff: User) -> None:
    rows = {
        "global": make(),
        "inactive": make("nova", is_active=False),
        "own": make("mira", owner=user, is_active=False),
        "another's": make("isla", owner=staff),
    }

    def seen_by(who: User | AnonymousUser) -> set[str]:
        found = set(Personality.objects.visible_to(who))
        return {name for name, row in rows.items() if row in found}

    assert seen_by(user) == {"global", "own"}
    assert seen_by(staff) == {"global", "inactive", "another's"}
    assert seen_by(AnonymousUser()) == {"global"}


def test_served_to__each_user__one_of_each_name_their_own_before_the_global(user: User, staff: User) -> None:
    for name, owner, is_active in [
        ("nova", None, True), ("elara", None, True), ("elara", user, True), ("lyra", None, True), ("lyra", user, False),
        ("aria", None, False), ("zoe", staff, True),
    ]:  # fmt: skip
        make(name, owner=owner, is_active=is_active)
    served = Personality.objects.served_to(user.pk).values_list("personality_name", "owner")
    assert [*served] == [("elara", user.pk), ("lyra", None), ("nova", None)]


def test_order_by_precedence__several_of_a_name__active_ones_and_of_these_the_owners_before_the_global(
    user: User,
) -> None:
    rows = [make(), make(owner=user), make("nova"), make("nova", owner=user, is_active=False)]
    of_one_name = [
        Personality.objects.filter(personality_name=name).order_by_precedence() for name in ("elara", "nova")
    ]
    assert [list(found) for found in of_one_name] == [[rows[1], rows[0]], [rows[2], rows[3]]]


def test_worded__some_text__those_of_whose_names_each_word_begins_one() -> None:
    make("elara-moon", display_name="Élise of the Tides"), make("nova")  # noqa: B018

    def found(text: str) -> set[str]:
        return {row.personality_name for row in Personality.objects.matching_words(text)}

    assert found("") == found(" \n") == {"elara-moon", "nova"}
    assert found("MOON ela tid") == {"elara-moon"}
    assert found("moon nova") == found("oon") == found("&!") == set()


def test_active_keys__some_are_not__those_that_are(user: User) -> None:
    make(), make("mira", owner=user), make("nova", is_active=False)  # noqa: B018
    assert set(Personality.objects.active_keys()) == {(None, "elara"), (user.pk, "mira")}


def test_bulk_create__rows__returned_as_they_are_stored(user: User) -> None:
    rows = [Personality(personality_name="elara"), Personality(personality_name="nova", owner=user)]
    created = Personality.objects.bulk_create(rows)
    assert [row.key for row in created] == [(None, "elara"), (user.pk, "nova")]
    assert set(Personality.objects.all()) == set(created)


def test_get_config__inside_a_transaction__sees_its_own_row_and_caches_nothing(redis: Any) -> None:
    elara = make(humor_level=1)
    Personality.objects.get_config("elara")
    with transaction.atomic():
        elara.humor_level = 2
        elara.save()
        assert Personality.objects.get_config("elara").traits.humor_level == 2
        assert cached(redis, "personality:global:elara:config")["traits"]["humor_level"] == 1
        transaction.set_rollback(True)
    assert Personality.objects.get_config("elara").traits.humor_level == 1


def test_get_config__a_query_more__only_where_the_cache_lacked_it(user: User) -> None:
    make(owner=user)
    Personality.objects.get_config("elara", user)
    with connection.execute_wrapper(_refuse):
        assert Personality.objects.get_config("elara", user).meta.owner == user.pk


def _refuse(*args: Any) -> None:
    raise AssertionError("a query")
