"""Wishes are read from memory and Redis, and never after they have changed."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from rest_framework.test import APIClient

from coherence.codec import SHAPE
from coherence.feed import IN_TOUCH_SECONDS
from personalities.prompt import Wishes
from preferences.cache import codec, wishes
from preferences.models import NO_WISHES, Preferences
from preferences.tests.conftest import URL
from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db(transaction=True)
Queries = Callable[[int], Any]
CALM = Wishes(tone="calm", call_me="Sam")


@pytest.fixture
def calm(user: User) -> User:
    Preferences.objects.create(user=user, tone="calm", call_me="Sam")
    return user


def key(user: User) -> str:
    return f"{settings.REDIS_KEY_PREFIX}prefs:{user.pk}"


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def source(user: User) -> str:
    return Preferences.objects.lookup(user).source


def test_get__warm__no_query(calm: User, reader: APIClient, django_assert_num_queries: Queries) -> None:
    reader.get(URL)
    with django_assert_num_queries(0):
        answer = reader.get(URL)
    assert (answer.json()["tone"], answer["Server-Timing"], answer["Age"]) == ("calm", 'lookup;desc="near"', "0")


def test_get__warm_without_wishes__no_query(reader: APIClient, django_assert_num_queries: Queries) -> None:
    reader.get(URL)
    with django_assert_num_queries(0):
        assert reader.get(URL).json()["tone"] is None


def test_lookup__cold_then_another_process__database_then_redis(
    calm: User, clear_memory: Callable[[], None], django_assert_num_queries: Queries
) -> None:
    with django_assert_num_queries(1):
        assert source(calm) == "database"
    assert source(calm) == "near"
    clear_memory()
    with django_assert_num_queries(0):
        assert source(calm) == "redis"
        assert Preferences.objects.wishes_of(calm) == Preferences.objects.wishes_of(calm.pk) == CALM


def test_redis__stored__key_and_value_as_published(calm: User, redis: Any) -> None:
    Preferences.objects.wishes_of(calm)
    stored = json.loads(redis.get(key(calm)))
    assert (stored["tone"], stored["language"], stored["meta"]["user"]) == ("calm", None, calm.pk)
    assert stored["meta"].keys() == {"user", "history", "number", "shape"}
    assert 86390 < redis.ttl(key(calm)) <= 86400


@pytest.mark.parametrize("way", ["save", "delete", "api", "delete by api"])
def test_write__here__the_next_read_is_new_and_redis_empty(calm: User, reader: APIClient, redis: Any, way: str) -> None:
    Preferences.objects.wishes_of(calm)
    row = Preferences.objects.get()
    row.tone = "neutral"
    ways: dict[str, Callable[[], Any]] = {
        "save": row.save,
        "delete": row.delete,
        "api": lambda: reader.patch(URL, {"tone": "neutral"}),
        "delete by api": lambda: reader.delete(URL),
    }
    ways[way]()
    assert not redis.exists(key(calm))
    assert Preferences.objects.wishes_of(calm).tone == (None if "delete" in way else "neutral")


def read_within_the_bound(is_new: Callable[[], bool]) -> None:
    """Read what has just been committed; a read may be old only if it began within the bound."""
    committed = began = time.monotonic()
    while not is_new():
        assert began - committed < IN_TOUCH_SECONDS
        time.sleep(0.001)  # else this thread would leave the feed's little of the interpreter
        began = time.monotonic()


@pytest.mark.parametrize(
    ("statement", "tone"),
    [
        ("UPDATE preferences_preferences SET tone = 'neutral'", "neutral"),
        ("DELETE FROM preferences_preferences", None),
        ("TRUNCATE preferences_preferences", None),
    ],
)
def test_write__by_sql__shows_within_the_bound(calm: User, statement: str, tone: str | None) -> None:
    assert Preferences.objects.wishes_of(calm) == CALM
    sql(statement)
    read_within_the_bound(lambda: Preferences.objects.wishes_of(calm).tone == tone)
    assert source(calm) in ("near", "database")


def test_write__first_by_sql__shows_within_the_bound(user: User) -> None:
    """That there was nothing is remembered with a number too."""
    assert Preferences.objects.wishes_of(user) == NO_WISHES
    columns = "user_id, language, formality, tone, emoji_use, response_length, explanation_style, call_me"
    sql(f"INSERT INTO preferences_preferences ({columns}) VALUES (%s, '', '', 'calm', '', '', '', '')", user.pk)
    read_within_the_bound(lambda: Preferences.objects.wishes_of(user).tone == "calm")


def test_write__of_somebody_else__their_copy_alone(calm: User, staff: User) -> None:
    assert source(calm) == "database"
    Preferences.objects.create(user=staff, tone="friendly")
    assert source(calm) == "near"


def test_write__rolled_back__copies_stay(calm: User, redis: Any) -> None:
    Preferences.objects.wishes_of(calm)
    with transaction.atomic():
        Preferences.objects.replace(calm, NO_WISHES)
        assert Preferences.objects.wishes_of(calm) == NO_WISHES
        transaction.set_rollback(True)
    assert redis.exists(key(calm))
    assert source(calm) == "near"


def test_replace__that_changes_nothing__no_line_in_the_log(calm: User) -> None:
    Preferences.objects.wishes_of(calm)
    Preferences.objects.replace(calm, CALM)
    assert source(calm) == "near"


def test_user_deleted__wishes_go_with_them(calm: User, redis: Any) -> None:
    pk = calm.pk
    Preferences.objects.wishes_of(pk)
    calm.delete()
    assert not Preferences.objects.exists()
    assert not redis.exists(f"{settings.REDIS_KEY_PREFIX}{codec.redis_key(pk)}")


GARBAGE = [b"", b"{", b"null", b"[]", b"5", b"\x80\x04K\x01.", b"{}", b'{"meta": null}', b'{"meta": {"number": 1}}']


@pytest.mark.parametrize("garbage", GARBAGE)
def test_redis__foreign_value__read_from_the_row_and_mended(
    calm: User, redis: Any, clear_memory: Callable[[], None], garbage: bytes
) -> None:
    redis.set(key(calm), garbage)
    assert Preferences.objects.lookup(calm)[:2] == (CALM, "database")
    clear_memory()
    assert Preferences.objects.lookup(calm)[:2] == (CALM, "redis")


@pytest.mark.parametrize(
    "change",
    [{"tone": "rude"}, {"call_me": "x" * 51}, {"language": "de_DE"}, {"tone": 5}, {"charm": "much"},
     {"meta": {"shape": "another release"}}, {"meta": {"user": 0}}, {"meta": {"number": True}},
     {"meta": {"history": "another"}},
     {"meta": {"number": 0}}, {"meta": {"number": 10**18}}, {"meta": {"number": "7"}}, {"meta": {"number": None}}],
)  # fmt: skip
def test_redis__another_shape_owner_or_time__not_believed(
    calm: User, redis: Any, clear_memory: Callable[[], None], change: dict[str, Any]
) -> None:
    Preferences.objects.wishes_of(calm)
    stored = json.loads(redis.get(key(calm)))
    meta = stored["meta"] | change.pop("meta", {})
    redis.set(key(calm), json.dumps({**stored, **change, "meta": meta}))
    clear_memory()
    assert Preferences.objects.lookup(calm)[:2] == (CALM, "database")


def test_redis__number_is_no_integer__not_believed(calm: User, redis: Any, clear_memory: Callable[[], None]) -> None:
    Preferences.objects.wishes_of(calm)
    stored = json.loads(redis.get(key(calm)))
    stored["meta"]["number"] = float(stored["meta"]["number"])
    redis.set(key(calm), json.dumps(stored))
    clear_memory()
    assert Preferences.objects.lookup(calm)[:2] == (CALM, "database")


@pytest.mark.parametrize("part", ["history", "number", "shape", "user"])
def test_redis__lacks_a_part_of_its_meta__not_believed(
    calm: User, redis: Any, clear_memory: Callable[[], None], part: str
) -> None:
    Preferences.objects.wishes_of(calm)
    stored = json.loads(redis.get(key(calm)))
    del stored["meta"][part]
    redis.set(key(calm), json.dumps(stored))
    clear_memory()
    assert Preferences.objects.lookup(calm)[:2] == (CALM, "database")


def test_redis__copy_of_another_user__not_believed(
    calm: User, staff: User, redis: Any, clear_memory: Callable[[], None]
) -> None:
    Preferences.objects.create(user=staff, tone="friendly")
    Preferences.objects.wishes_of(calm), Preferences.objects.wishes_of(staff)  # noqa: B018
    redis.set(key(calm), redis.get(key(staff)))
    clear_memory()
    assert Preferences.objects.lookup(calm)[:2] == (CALM, "database")


def test_redis__away__answered_from_the_row_and_written(
    calm: User, reader: APIClient, own_redis: SupervisedServer
) -> None:
    own_redis.stop()
    assert reader.get(URL).json()["tone"] == "calm"
    assert reader.patch(URL, {"tone": "neutral"}).status_code == 200
    assert reader.get(URL).json()["tone"] == "neutral"


def test_postgres__away__served_unverified(calm: User, out_of_touch: Callable[[float], None]) -> None:
    Preferences.objects.wishes_of(calm)
    out_of_touch(60)
    answer = Preferences.objects.lookup(calm)
    assert (answer.value, answer.unverified) == (CALM, True)


def test_copies__kept__bounded() -> None:
    assert wishes.capacity == 10_000


def test_codec__fingerprint__one_that_other_releases_take_for_one() -> None:
    assert SHAPE.fullmatch(codec.fingerprint)
