"""Redis fails in the middle of turns: nothing is lost, doubled or out of order, and no caller gets an error."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psutil
import pytest
from django_redis import get_redis_connection
from redis import Redis

from conversations.models import Conversation
from conversations.recent import sources
from conversations.tests.transcripts import (
    append_turn,
    append_turns,
    list_items,
    list_key,
    recent_contents,
    stored_contents,
    texts_of_turns,
)
from resilience.redis_errors import error_log, errors
from resilience.redis_pool import breaker_of
from tests.waiting import wait_until
from tooling.processes import SupervisedServer, free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(settings: Any, own_redis: SupervisedServer) -> Iterator[Any]:
    """A client of the test's own Redis, apart from the service's, whose circuit breaker retries at once."""
    breaker = breaker_of()
    assert breaker
    breaker.retry_after = (0, 0)
    error_log.reset()
    with Redis.from_url(settings.REDIS_LOCATION) as client:
        yield client


@contextmanager
def frozen(server: SupervisedServer, admin: Any) -> Iterator[None]:
    (process,) = psutil.Process(server.process.pid).children()
    process.suspend()
    try:
        yield
    finally:
        process.resume()
        admin.ping()


@contextmanager
def stopped(server: SupervisedServer, admin: Any) -> Iterator[None]:
    """Until the end of the test."""
    server.stop()
    yield


@contextmanager
def read_only(server: SupervisedServer, admin: Any) -> Iterator[None]:
    admin.replicaof("127.0.0.1", free_port())
    yield
    admin.replicaof("NO", "ONE")


@contextmanager
def full(server: SupervisedServer, admin: Any) -> Iterator[None]:
    admin.config_set("maxmemory-policy", "noeviction")
    admin.config_set("maxmemory", "1")
    yield
    admin.config_set("maxmemory", "0")


@contextmanager
def no_rights(server: SupervisedServer, admin: Any) -> Iterator[None]:
    admin.execute_command("ACL", "SETUSER", "default", "-@write", "-@scripting", "-@read")
    yield
    admin.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def connections_cut(server: SupervisedServer, admin: Any) -> Iterator[None]:
    admin.client_kill_filter(_type="normal", skipme=True)
    yield


Fault = Callable[[SupervisedServer, Any], AbstractContextManager[None]]
FAULTS: list[tuple[Fault, set[str]]] = [
    (frozen, {"TimeoutError"}),
    (stopped, {"ConnectionError"}),
    (read_only, {"ReadOnlyError"}),
    (full, {"OutOfMemoryError"}),
    (no_rights, {"NoPermissionError"}),
]


@pytest.mark.parametrize(("fault", "counted"), FAULTS)
def test_turns__redis_fails_and_recovers__all_messages_at_any_time(
    conversation: Conversation, own_redis: SupervisedServer, admin: Any, fault: Fault, counted: set[str]
) -> None:
    append_turns(conversation, 1, 2)
    assert recent_contents(conversation) == texts_of_turns(1, 2)
    with fault(own_redis, admin):
        for number in (3, 4):
            append_turn(conversation, number, f"key {number}")
            assert recent_contents(conversation) == texts_of_turns(1, number)
            assert append_turn(conversation, number, f"key {number}").repeated
    append_turns(conversation, 5, 6)
    assert recent_contents(conversation) == recent_contents(conversation) == texts_of_turns(1, 6)
    assert stored_contents(conversation) == list(enumerate(texts_of_turns(1, 6), 1))
    assert counted <= errors.keys()


def test_append__redis_frozen_and_the_turn_sent_again__one_turn_in_both(
    conversation: Conversation, own_redis: SupervisedServer, admin: Any
) -> None:
    """Once thawed, Redis runs the commands whose callers have given up."""
    append_turn(conversation, 1, "a")
    with frozen(own_redis, admin):
        first, again = append_turn(conversation, 2, "b"), append_turn(conversation, 2, "b")
    assert again.messages == first.messages
    wait_until(lambda: len(list_items(admin, conversation)) == 4)
    assert recent_contents(conversation) == texts_of_turns(1, 2)


def test_recent__redis_stopped__from_the_database_in_two_queries(
    conversation: Conversation, own_redis: SupervisedServer, admin: Any, django_assert_num_queries: Any
) -> None:
    append_turns(conversation, 1, 12)
    own_redis.stop()
    before = sources["redis"]
    with django_assert_num_queries(2):
        assert recent_contents(conversation) == texts_of_turns(3, 12)
    assert sources["redis"] == before


def test_recent__connections_cut__used_again_at_once(
    conversation: Conversation, own_redis: SupervisedServer, admin: Any
) -> None:
    append_turns(conversation, 1, 2)
    with connections_cut(own_redis, admin):
        append_turn(conversation, 3)
        assert recent_contents(conversation) == recent_contents(conversation) == texts_of_turns(1, 3)
    assert len(list_items(admin, conversation)) == 6


def test_delete__redis_stopped__done(conversation: Conversation, own_redis: SupervisedServer, admin: Any) -> None:
    append_turn(conversation, 1)
    own_redis.stop()
    conversation.delete()
    assert not Conversation.objects.exists()


def test_append__redis_breaks_off_in_the_script__whole_or_nothing(
    conversation: Conversation, admin: Any, own_redis: SupervisedServer
) -> None:
    """A list is trimmed and has a TTL, or is not appended to at all."""
    client: Any = get_redis_connection("default")
    append_turns(conversation, 1, 10)
    with full(own_redis, admin):
        append_turn(conversation, 11)
        assert client.llen(list_key(conversation)) == 20
        assert [b"question 1" in item for item in list_items(admin, conversation)[:2]] == [True, False]
        assert 0 < admin.ttl(list_key(conversation)) <= 3600
    assert recent_contents(conversation) == texts_of_turns(2, 11)
