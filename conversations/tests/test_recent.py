"""The recent messages are those that PostgreSQL has, whatever is in Redis."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction

from conversations import redis_list
from conversations.models import Conversation, Message
from conversations.recent import recent, sources
from conversations.tests.transcripts import (
    append_turn,
    append_turns,
    list_items,
    list_key,
    recent_contents,
    texts_of_turns,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_recent__no_messages__empty(conversation: Conversation) -> None:
    assert recent(conversation) == []


@pytest.mark.parametrize("count", [1, 9, 10, 11, 30])
def test_recent__so_many_turns__the_last_twenty_messages(conversation: Conversation, count: int) -> None:
    append_turns(conversation, 1, count)
    assert recent_contents(conversation) == recent_contents(conversation) == texts_of_turns(1, count)[-20:]


def test_recent__from_redis_or_the_database__equal(conversation: Conversation, redis: Any) -> None:
    append_turns(conversation, 1, 12)
    from_redis = recent(conversation)
    redis.delete(list_key(conversation))
    assert recent(conversation) == from_redis
    assert [message.id for message in from_redis] == list(
        Message.objects.order_by("position").values_list("id", flat=True)[4:]
    )


def test_recent__list_is_there__only_the_last_message_is_queried(
    conversation: Conversation, django_assert_num_queries: Any
) -> None:
    append_turns(conversation, 1, 12)
    with django_assert_num_queries(1) as queries:
        recent(conversation)
    assert "content" not in queries.captured_queries[0]["sql"]


def test_recent__list_is_missing__rebuilt_for_the_next_reader(
    conversation: Conversation, redis: Any, django_assert_num_queries: Any
) -> None:
    append_turns(conversation, 1, 12)
    redis.delete(list_key(conversation))
    append_turn(conversation, 13)
    assert list_items(redis, conversation) == []  # not a list that begins in the middle
    with django_assert_num_queries(2):
        assert recent_contents(conversation) == texts_of_turns(4, 13)
    with django_assert_num_queries(1):
        assert recent_contents(conversation) == texts_of_turns(4, 13)


def test_list__appended_and_rebuilt__twenty_items_for_an_hour(conversation: Conversation, redis: Any) -> None:
    for _ in range(2):
        append_turns(conversation, 1, 15)
        recent(conversation)
        assert redis.llen(list_key(conversation)) == 20
        assert 3590 < redis.ttl(list_key(conversation)) <= 3600
        redis.delete(list_key(conversation))
        recent(conversation)
        assert redis.llen(list_key(conversation)) == 20
        assert 3590 < redis.ttl(list_key(conversation)) <= 3600


def test_list__read_by_a_person__plain_json(conversation: Conversation, redis: Any) -> None:
    append_turn(conversation, 1)
    first = json.loads(list_items(redis, conversation)[0])
    assert list(first) == ["id", "shape", "position", "role", "content", "created_at"]
    assert (first["shape"], first["position"], first["role"], first["content"]) == (2, 1, "user", "question 1")


def test_conversation__deleted__its_list_too(conversation: Conversation, redis: Any) -> None:
    append_turn(conversation, 1)
    key = list_key(conversation)
    assert redis.exists(key)
    conversation.delete()
    assert not redis.exists(key)


Damage = Callable[[Any, str], Any]
DAMAGES: dict[str, Damage] = {
    "first item lost": lambda redis, key: redis.lpop(key),
    "last item lost": lambda redis, key: redis.rpop(key),
    "last turn lost": lambda redis, key: redis.rpop(key, 2),
    "middle item lost": lambda redis, key: redis.lrem(key, 1, redis.lindex(key, 9)),
    "last item twice": lambda redis, key: redis.rpush(key, redis.lindex(key, -1)),
    "reversed": lambda redis, key: [redis.linsert(key, "BEFORE", redis.lindex(key, 0), redis.rpop(key)) for _ in "ab"],
    "not JSON": lambda redis, key: redis.lset(key, 3, "\xff{"),
    "other JSON": lambda redis, key: redis.lset(key, 3, '{"role": "user", "content": "x"}'),
    "position is text": lambda redis, key: redis.lset(key, 3, redis.lindex(key, 3).replace(b'n":', b'n":"')),
    "a field more": lambda redis, key: redis.lset(key, 3, redis.lindex(key, 3).removesuffix(b"}") + b', "mood": 1}'),
    "another type": lambda redis, key: (redis.delete(key), redis.set(key, "x")),
    "a hash": lambda redis, key: (redis.delete(key), redis.hset(key, "x", "y")),
    "evicted": lambda redis, key: redis.delete(key),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_recent__list_damaged__right_messages_and_the_list_repaired(
    conversation: Conversation, redis: Any, damage: str
) -> None:
    append_turns(conversation, 1, 12)
    whole = list_items(redis, conversation)
    DAMAGES[damage](redis, list_key(conversation))
    assert recent_contents(conversation) == texts_of_turns(3, 12)
    assert list_items(redis, conversation) == whole


@pytest.mark.parametrize("damage", DAMAGES)
def test_append__list_damaged__right_messages(conversation: Conversation, redis: Any, damage: str) -> None:
    append_turns(conversation, 1, 12)
    DAMAGES[damage](redis, list_key(conversation))
    append_turn(conversation, 13)
    assert recent_contents(conversation) == recent_contents(conversation) == texts_of_turns(4, 13)


def test_recent__append_came_too_late__not_out_of_order(conversation: Conversation, redis: Any) -> None:
    """A frozen Redis later runs commands whose callers have given up: in any order, and more than once."""
    append_turns(conversation, 1, 12)
    with_one_lost, late = list_items(redis, conversation), append_turn(conversation, 13).messages
    redis.delete(list_key(conversation))
    redis.rpush(list_key(conversation), *with_one_lost)
    append_turn(conversation, 14)
    assert list_items(redis, conversation) == with_one_lost  # because it would leave a gap
    before = Message.objects.get(position=24).pk
    for _ in range(2):
        redis_list.append(conversation.pk, [message.to_recent() for message in late], before)
        assert len(list_items(redis, conversation)) == 20
    assert recent_contents(conversation) == recent_contents(conversation) == texts_of_turns(5, 14)


def test_recent__old_list_came_back__not_used(conversation: Conversation, redis: Any) -> None:
    append_turns(conversation, 1, 3)
    old = redis.dump(list_key(conversation))
    append_turns(conversation, 4, 6)
    redis.restore(list_key(conversation), 0, old, replace=True)
    assert recent_contents(conversation) == texts_of_turns(1, 6)


def test_recent__rebuilt_with_old_rows_by_a_slow_reader__not_used(conversation: Conversation) -> None:
    append_turns(conversation, 1, 3)
    old = recent(conversation)
    append_turn(conversation, 4)
    redis_list.replace(conversation.pk, old)
    assert recent_contents(conversation) == texts_of_turns(1, 4)


def test_recent__list_of_another_conversation__not_used(start: Callable[[], Conversation], redis: Any) -> None:
    one, other = start(), start()
    append_turn(one, 1)
    append_turn(other, 2)
    redis.copy(list_key(other), list_key(one), replace=True)
    assert recent_contents(one) == texts_of_turns(1, 1)


def lose(conversation: Conversation, position: int) -> None:
    """Restores a backup of the database without the messages above `position`, which Redis still has."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM conversations_message WHERE position > %s", [position])


def test_recent__database_restored__no_messages_from_after_the_backup(conversation: Conversation) -> None:
    append_turns(conversation, 1, 4)
    lose(conversation, 4)
    assert recent_contents(conversation) == texts_of_turns(1, 2)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_recent__database_restored_and_redis_missed_some_turns__only_stored_messages(
    conversation: Conversation, settings: Any, count: int
) -> None:
    """The list has messages the database lost, at positions that others have taken since."""
    append_turns(conversation, 1, 4)
    lose(conversation, 4)
    settings.REDIS_ENABLED = False
    append_turns(conversation, 101, 100 + count)
    settings.REDIS_ENABLED = True
    append_turn(conversation, 200)
    expected = texts_of_turns(1, 2) + texts_of_turns(101, 100 + count) + texts_of_turns(200, 200)
    assert recent_contents(conversation) == expected


def test_recent__in_a_transaction__list_neither_read_nor_made(conversation: Conversation, redis: Any) -> None:
    append_turn(conversation, 1)
    redis.delete(list_key(conversation))
    with transaction.atomic():
        assert recent_contents(conversation) == texts_of_turns(1, 1)
    assert list_items(redis, conversation) == []


def test_recent__each_source__counted(conversation: Conversation, redis: Any) -> None:
    append_turns(conversation, 1, 2)
    before = sources.copy()
    recent_contents(conversation)
    redis.delete(list_key(conversation))
    recent_contents(conversation)
    recent_contents(conversation)
    assert sources - before == {"redis": 2, "database": 1}


def test_recent__redis_switched_off__from_the_database(conversation: Conversation, settings: Any, redis: Any) -> None:
    settings.REDIS_ENABLED, settings.CACHES = False, {"default": django_settings.NO_CACHE}
    append_turns(conversation, 1, 12)
    assert recent_contents(conversation) == texts_of_turns(3, 12)
    assert list_items(redis, conversation) == []
