"""Redis answers, and refuses: who we are, what we ask, or any write at all."""

import logging
from collections.abc import Callable
from typing import Any, cast

import pytest
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import AuthenticationError, ResponseError

from resilience.redis_errors import errors
from resilience.redis_pool import BreakerPool
from resilience.tests.redis.use import do_everything, open_until_now, read
from tooling.processes import free_port


def test_password__wrong__opens_and_is_not_logged(
    use_pool: Callable[..., BreakerPool], admin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    admin.config_set("requirepass", "right-secret")
    pool = use_pool(PASSWORD="wrong-secret")
    with caplog.at_level(logging.DEBUG):
        do_everything()
    assert errors == {"AuthenticationError": 1, "BreakerOpen": 4}
    assert pool.breaker.state == "open"
    assert "AuthenticationError: WRONGPASS" in caplog.text
    assert "secret" not in caplog.text


def test_password__asked_for_in_mid_connection__opens(use_pool: Callable[..., BreakerPool], admin: Any) -> None:
    admin.config_set("requirepass", "right-secret")
    connection = use_pool(PASSWORD="right-secret").get_connection()
    connection.send_command("RESET")
    connection.read_response()
    connection.send_command("GET", "key")
    with pytest.raises(AuthenticationError):
        connection.read_response()
    assert read() == [None]
    assert errors == {"AuthenticationError": 1, "BreakerOpen": 1}


def test_command_refused__redis_quotes_it__the_log_does_not(
    pool: BreakerPool, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ResponseError, match="hunter2"):
        cast(Any, get_redis_connection("default")).execute_command("AUHT", "hunter2")
    assert errors == {"ResponseError": 1}
    assert "ResponseError: ERR" in caplog.text
    assert "hunter2" not in caplog.text


def may_not_write(admin: Any) -> dict[str, str]:
    rights = {"categories": ["+@all", "-@write"], "keys": ["*"], "channels": ["*"]}
    admin.acl_setuser("reader", enabled=True, passwords=["+reader-secret"], **rights)
    return {"USERNAME": "reader", "PASSWORD": "reader-secret"}


def replica(admin: Any) -> dict[str, str]:
    admin.replicaof("127.0.0.1", free_port())
    return {}


def full(admin: Any) -> dict[str, str]:
    admin.config_set("maxmemory-policy", "noeviction")
    admin.set("big", b"x" * 2**20)
    admin.config_set("maxmemory", "1mb")
    return {}


@pytest.mark.parametrize(
    ("fault", "error"),
    [(may_not_write, "NoPermissionError"), (replica, "ReadOnlyError"), (full, "OutOfMemoryError")],
)
def test_writes_refused__each_reason__counted_logged_once_and_reads_go_on(
    use_pool: Callable[..., BreakerPool],
    admin: Any,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[Any], dict[str, str]],
    error: str,
) -> None:
    admin.set(f"{settings.REDIS_KEY_PREFIX}kept", '"value"')
    pool = use_pool(**fault(admin))
    for _ in range(3):
        do_everything()
        assert cache.get("kept") == "value"
    assert errors.keys() == {error}
    assert errors[error] >= 9  # set, and both of set_many's pipeline
    assert pool.breaker.opened == 0
    lines = [record for record in caplog.records if record.name == "resilience.redis"]
    assert [(line.levelname, line.exc_info) for line in lines] == [("WARNING", None)]
    assert error in caplog.text
    assert "secret" not in caplog.text


def test_exec__a_command_fails_inside__counted(pool: BreakerPool) -> None:
    pipeline = cast(Any, get_redis_connection("default")).pipeline()
    pipeline.set("key", "text").lpush("key", "item")
    answers = pipeline.execute(raise_on_error=False)
    assert isinstance(answers[1], ResponseError)
    assert errors == {"ResponseError": 1}
    assert pool.breaker.state == "closed"


def test_half_open__redis_refuses_the_probes_command__closes(pool: BreakerPool, admin: Any) -> None:
    replica(admin)
    open_until_now(pool.breaker)
    cache.set("key", "value")
    assert errors == {"ReadOnlyError": 1}
    assert pool.breaker.state == "closed"


def test_too_many_clients__refused_on_connect__opens(pool: BreakerPool, admin: Any) -> None:
    admin.config_set("maxclients", 1)
    read(2)
    assert errors == {"ConnectionError": 1, "BreakerOpen": 1}
