"""The recent messages are those that PostgreSQL has, whatever lies in Redis."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction

from conversations import redis_list
from conversations.models import Conversation, Message
from conversations.recent import recent, sources
from conversations.tests.talk import contents, in_redis, key_of, said, talk, turn

pytestmark = pytest.mark.django_db(transaction=True)


def test_recent__nothing_said__nothing(conversation: Conversation) -> None:
    assert recent(conversation) == []


@pytest.mark.parametrize("count", [1, 9, 10, 11, 30])
def test_recent__so_many_turns__the_last_twenty_messages(conversation: Conversation, count: int) -> None:
    talk(conversation, 1, count)
    assert contents(conversation) == contents(conversation) == said(1, count)[-20:]


def test_recent__from_redis_or_the_database__equal(conversation: Conversation, redis: Any) -> None:
    talk(conversation, 1, 12)
    near = recent(conversation)
    redis.delete(key_of(conversation))
    assert recent(conversation) == near
    assert [message.id for message in near] == list(
        Message.objects.order_by("position").values_list("id", flat=True)[4:]
    )


def test_recent__list_is_there__only_the_last_id_is_asked_for(
    conversation: Conversation, django_assert_num_queries: Any
) -> None:
    talk(conversation, 1, 12)
    with django_assert_num_queries(1) as asked:
        recent(conversation)
    assert "content" not in asked.captured_queries[0]["sql"]


def test_recent__list_is_missing__rebuilt_for_the_next_reader(
    conversation: Conversation, redis: Any, django_assert_num_queries: Any
) -> None:
    talk(conversation, 1, 12)
    redis.delete(key_of(conversation))
    turn(conversation, 13)
    assert in_redis(redis, conversation) == []  # not a list that begins in the middle
    with django_assert_num_queries(2):
        assert contents(conversation) == said(4, 13)
    with django_assert_num_queries(1):
        assert contents(conversation) == said(4, 13)


def test_list__appended_and_rebuilt__twenty_items_for_an_hour(conversation: Conversation, redis: Any) -> None:
    for _ in range(2):
        talk(conversation, 1, 15)
        recent(conversation)
        assert redis.llen(key_of(conversation)) == 20
        assert 3590 < redis.ttl(key_of(conversation)) <= 3600
        redis.delete(key_of(conversation))
        recent(conversation)
        assert redis.llen(key_of(conversation)) == 20
        assert 3590 < redis.ttl(key_of(conversation)) <= 3600


def test_list__read_by_a_person__plain_json(conversation: Conversation, redis: Any) -> None:
    turn(conversation, 1)
    first = json.loads(in_redis(redis, conversation)[0])
    assert list(first) == ["id", "position", "role", "content", "created_at"]
    assert (first["position"], first["role"], first["content"]) == (1, "user", "question 1")


def test_conversation__deleted__its_list_too(conversation: Conversation, redis: Any) -> None:
    turn(conversation, 1)
    key = key_of(conversation)
    assert redis.exists(key)
    conversation.delete()
    assert not redis.exists(key)


Harm = Callable[[Any, str], Any]
HARMS: dict[str, Harm] = {
    "first item lost": lambda redis, key: redis.lpop(key),
    "last item lost": lambda redis, key: redis.rpop(key),
    "last turn lost": lambda redis, key: redis.rpop(key, 2),
    "middle item lost": lambda redis, key: redis.lrem(key, 1, redis.lindex(key, 9)),
    "last item twice": lambda redis, key: redis.rpush(key, redis.lindex(key, -1)),
    "reversed": lambda redis, key: [redis.linsert(key, "BEFORE", redis.lindex(key, 0), redis.rpop(key)) for _ in "ab"],
    "not JSON": lambda redis, key: redis.lset(key, 3, "\xff{"),
    "other JSON": lambda redis, key: redis.lset(key, 3, '{"role": "user", "content": "x"}'),
    "position is text": lambda redis, key: redis.lset(key, 3, redis.lindex(key, 3).replace(b'n":', b'n":"')),
    "another type": lambda redis, key: (redis.delete(key), redis.set(key, "x")),
    "a hash": lambda redis, key: (redis.delete(key), redis.hset(key, "x", "y")),
    "evicted": lambda redis, key: redis.delete(key),
}


@pytest.mark.parametrize("harm", HARMS)
def test_recent__list_harmed__what_was_said_and_the_list_whole_again(
    conversation: Conversation, redis: Any, harm: str
) -> None:
    talk(conversation, 1, 12)
    whole = in_redis(redis, conversation)
    HARMS[harm](redis, key_of(conversation))
    assert contents(conversation) == said(3, 12)
    assert in_redis(redis, conversation) == whole


@pytest.mark.parametrize("harm", HARMS)
def test_append__list_harmed__what_was_said(conversation: Conversation, redis: Any, harm: str) -> None:
    talk(conversation, 1, 12)
    HARMS[harm](redis, key_of(conversation))
    turn(conversation, 13)
    assert contents(conversation) == contents(conversation) == said(4, 13)


def test_recent__append_came_too_late__not_out_of_order(conversation: Conversation, redis: Any) -> None:
    """What a frozen Redis does with commands whose callers have given up: in any order, and once more."""
    talk(conversation, 1, 12)
    with_one_lost, late = in_redis(redis, conversation), turn(conversation, 13).messages
    redis.delete(key_of(conversation))
    redis.rpush(key_of(conversation), *with_one_lost)
    turn(conversation, 14)
    assert in_redis(redis, conversation) == with_one_lost  # for it does not follow
    before = Message.objects.get(position=24).pk
    for _ in range(2):
        redis_list.append(conversation.pk, [message.to_recent() for message in late], before)
        assert len(in_redis(redis, conversation)) == 20
    assert contents(conversation) == contents(conversation) == said(5, 14)


def test_recent__old_list_came_back__not_believed(conversation: Conversation, redis: Any) -> None:
    talk(conversation, 1, 3)
    old = redis.dump(key_of(conversation))
    talk(conversation, 4, 6)
    redis.restore(key_of(conversation), 0, old, replace=True)
    assert contents(conversation) == said(1, 6)


def test_recent__rebuilt_with_old_rows_by_a_slow_reader__not_believed(conversation: Conversation) -> None:
    talk(conversation, 1, 3)
    old = recent(conversation)
    turn(conversation, 4)
    redis_list.replace(conversation.pk, old)
    assert contents(conversation) == said(1, 4)


def test_recent__list_of_another_conversation__not_believed(begin: Callable[[], Conversation], redis: Any) -> None:
    one, other = begin(), begin()
    turn(one, 1)
    turn(other, 2)
    redis.copy(key_of(other), key_of(one), replace=True)
    assert contents(one) == said(1, 1)


def lose(conversation: Conversation, position: int) -> None:
    """A backup of the database is restored, from before the messages above `position`; Redis has them still."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM conversations_message WHERE position > %s", [position])


def test_recent__database_restored__not_what_was_said_after_the_backup(conversation: Conversation) -> None:
    talk(conversation, 1, 4)
    lose(conversation, 4)
    assert contents(conversation) == said(1, 2)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_recent__database_restored_and_redis_missed_some_turns__only_what_was_said(
    conversation: Conversation, settings: Any, count: int
) -> None:
    """The list has messages that never were, at positions that others have taken."""
    talk(conversation, 1, 4)
    lose(conversation, 4)
    settings.REDIS_ENABLED, settings.CACHES = False, {"default": django_settings.NO_CACHE}
    talk(conversation, 101, 100 + count)
    settings.REDIS_ENABLED = True
    turn(conversation, 200)
    assert contents(conversation) == said(1, 2) + said(101, 100 + count) + said(200, 200)


def test_recent__in_a_transaction__list_neither_read_nor_made(conversation: Conversation, redis: Any) -> None:
    turn(conversation, 1)
    redis.delete(key_of(conversation))
    with transaction.atomic():
        assert contents(conversation) == said(1, 1)
    assert in_redis(redis, conversation) == []


def test_recent__each_source__counted(conversation: Conversation, redis: Any) -> None:
    talk(conversation, 1, 2)
    before = sources.copy()
    contents(conversation)
    redis.delete(key_of(conversation))
    contents(conversation)
    contents(conversation)
    assert sources - before == {"redis": 2, "database": 1}


def test_recent__redis_switched_off__from_the_database(conversation: Conversation, settings: Any, redis: Any) -> None:
    settings.REDIS_ENABLED, settings.CACHES = False, {"default": django_settings.NO_CACHE}
    talk(conversation, 1, 12)
    assert contents(conversation) == said(3, 12)
    assert in_redis(redis, conversation) == []
