"""Redis fails in the middle of turns: nothing is lost, doubled or out of order, and nobody is told of an error."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psutil
import pytest
from django_redis import get_redis_connection
from redis import Redis

from conversations.models import Conversation
from conversations.recent import sources
from conversations.tests.talk import contents, in_redis, kept, key_of, said, talk, turn
from resilience.redis_errors import error_log, errors
from resilience.redis_pool import breaker_of
from tests.waiting import wait_until
from tooling.processes import SupervisedServer, free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(settings: Any, own_redis: SupervisedServer) -> Iterator[Any]:
    """A client of the Redis that the test harms, by another way than the service's; its breaker soon tries again."""
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
    """For good."""
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


Ill = Callable[[SupervisedServer, Any], AbstractContextManager[None]]
ILLS: list[tuple[Ill, set[str]]] = [
    (frozen, {"TimeoutError"}),
    (stopped, {"ConnectionError"}),
    (read_only, {"ReadOnlyError"}),
    (full, {"OutOfMemoryError"}),
    (no_rights, {"NoPermissionError"}),
]


@pytest.mark.parametrize(("ill", "counted"), ILLS)
def test_turns__redis_ill_and_well_again__all_that_was_said_at_any_time(
    conversation: Conversation, own_redis: SupervisedServer, admin: Any, ill: Ill, counted: set[str]
) -> None:
    talk(conversation, 1, 2)
    assert contents(conversation) == said(1, 2)
    with ill(own_redis, admin):
        for number in (3, 4):
            turn(conversation, number, f"key {number}")
            assert contents(conversation) == said(1, number)
            assert turn(conversation, number, f"key {number}").repeated
    talk(conversation, 5, 6)
    assert contents(conversation) == contents(conversation) == said(1, 6)
    assert kept(conversation) == list(enumerate(said(1, 6), 1))
    assert counted <= errors.keys()


def test_append__redis_frozen_and_the_turn_sent_again__one_turn_here_and_there(
    conversation: Conversation, own_redis: SupervisedServer, admin: Any
) -> None:
    """Thawed, Redis does what it was told while nobody waited for it any more."""
    turn(conversation, 1, "a")
    with frozen(own_redis, admin):
        first, again = turn(conversation, 2, "b"), turn(conversation, 2, "b")
    assert again.messages == first.messages
    wait_until(lambda: len(in_redis(admin, conversation)) == 4)
    assert contents(conversation) == said(1, 2)


def test_recent__redis_stopped__from_the_database_in_two_questions(
    conversation: Conversation, own_redis: SupervisedServer, admin: Any, django_assert_num_queries: Any
) -> None:
    talk(conversation, 1, 12)
    own_redis.stop()
    before = sources["redis"]
    with django_assert_num_queries(2):
        assert contents(conversation) == said(3, 12)
    assert sources["redis"] == before


def test_recent__connections_cut__used_again_at_once(
    conversation: Conversation, own_redis: SupervisedServer, admin: Any
) -> None:
    talk(conversation, 1, 2)
    with connections_cut(own_redis, admin):
        turn(conversation, 3)
        assert contents(conversation) == contents(conversation) == said(1, 3)
    assert len(in_redis(admin, conversation)) == 6


def test_delete__redis_stopped__done(conversation: Conversation, own_redis: SupervisedServer, admin: Any) -> None:
    turn(conversation, 1)
    own_redis.stop()
    conversation.delete()
    assert not Conversation.objects.exists()


def test_append__redis_breaks_off_in_the_script__whole_or_nothing(
    conversation: Conversation, admin: Any, own_redis: SupervisedServer
) -> None:
    """A list is trimmed and expires, or is not appended to at all."""
    client: Any = get_redis_connection("default")
    talk(conversation, 1, 10)
    with full(own_redis, admin):
        turn(conversation, 11)
        assert client.llen(key_of(conversation)) == 20
        assert [b"question 1" in item for item in in_redis(admin, conversation)[:2]] == [True, False]
        assert 0 < admin.ttl(key_of(conversation)) <= 3600
    assert contents(conversation) == said(2, 11)
