"""/livez, /readyz and /metrics as orchestrators ask them: by IP address, over plain HTTP, at any time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from redis import Redis
from redis.exceptions import RedisError
from rest_framework.test import APIClient

from coherence.redis_copies import RedisCopies
from companion.database_schema import schema
from companion.redis_url import split_redis_url
from companion.shutdown import shutdown
from resilience.redis_pool import breaker_of
from tests.waiting import wait_until
from tooling.processes import ServerSpec, SupervisedServer, free_port
from tooling.redis import find

PROBES = ("/livez", "/readyz", "/metrics")
CLUSTER = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")


@pytest.fixture
def in_production(settings: Any, transactional_db: None) -> None:
    """Settings as operators have them: HTTPS only, and one host name."""
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["companion.example"], True


@pytest.mark.parametrize("host", ["10.1.2.3", "10.1.2.3:8000", "[fe80::1]:8000", "evil.example", "a b", ""])
@pytest.mark.parametrize("path", PROBES)
def test_probe__any_host_over_http__answered(
    in_production: None, user: User, client_of: Callable[[User], APIClient], path: str, host: str
) -> None:
    assert client_of(user).get(path, HTTP_HOST=host).status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/v1/archetypes/", "/livez/", "/metrics/x"])
def test_other_paths__any_host__refused_as_before(in_production: None, path: str) -> None:
    assert Client().get(path, HTTP_HOST="10.1.2.3", secure=True).status_code == 400
    assert Client().get(path, HTTP_HOST="companion.example").status_code == 301


def test_probe__a_stranger__is_told_a_few_words(in_production: None) -> None:
    assert Client().get("/livez", HTTP_HOST="10.1.2.3").json() == {"status": "alive"}
    assert Client().get("/readyz", HTTP_HOST="10.1.2.3").json().keys() == {"status", "postgresql", "redis", "changes"}
    refused = Client().get("/metrics", HTTP_HOST="10.1.2.3")
    assert (refused.status_code, b"companion_" in refused.content) == (401, False)


@pytest.fixture
def unknown_schema(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """This process has not yet found the database migrated."""
    monkeypatch.setattr(schema, "was_migrated", False)


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE django_migrations",
        "DELETE FROM django_migrations",
        "DELETE FROM django_migrations WHERE id IN (SELECT max(id) FROM django_migrations WHERE app = 'personalities')",
        "DELETE FROM django_migrations WHERE app = 'axes'",
    ],
)
def test_readyz__migrations_are_missing__503(unknown_schema: None, damage: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(damage)
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "not ready")
    assert response.json()["postgresql"] == "not migrated"


def test_readyz__migrated__found_out_once(unknown_schema: None, django_assert_num_queries: Any) -> None:
    assert Client().get("/readyz").status_code == 200
    with django_assert_num_queries(1):  # for all that may get lost again
        assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize(("begun", "levels"), [(True, ["INFO"]), (False, [])])
def test_readyz__stopping__said_calmly(
    db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, begun: bool, levels: list[str]
) -> None:
    """Somebody wanted it, and it is asked every few seconds."""
    caplog.set_level("INFO")
    monkeypatch.setattr(shutdown, "begun", begun)
    assert Client().get("/readyz").status_code == (503 if begun else 200)
    assert [record.levelname for record in caplog.records if record.name == "django.request"] == levels


@pytest.fixture
def start_redis(tmp_path: Path, settings: Any) -> Iterator[Callable[..., Any]]:
    """Start a server with the given arguments, for the cache to talk to."""
    running = []

    def start(*arguments: str, port: int) -> Any:
        spec = ServerSpec("Redis", (find(), *arguments, "--dir", str(tmp_path)), tmp_path / "log")
        running.append(SupervisedServer(spec))
        client: Any = Redis(port=port, socket_timeout=1)
        wait_until(lambda: _answers(client))
        cache = settings.CACHES["default"]
        settings.CACHES = {"default": {**cache, "LOCATION": f"redis://127.0.0.1:{port}/0"}}
        return client

    yield start
    for server in running:
        server.stop()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except (OSError, RedisError):
        return False


def redis_state() -> str:
    return str(Client().get("/readyz").json()["redis"])


def test_readyz__redis_is_a_node_of_a_cluster__not_ok(db: None, start_redis: Callable[..., Any]) -> None:
    """Not even of one that has every slot, where single keys could be written."""
    port = free_port()
    node = start_redis("--port", str(port), "--cluster-port", str(free_port()), *CLUSTER, port=port)
    node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_until(lambda: b"cluster_state:ok" in node.execute_command("CLUSTER", "INFO"))
    assert redis_state() == "unusable"


def test_readyz__redis_is_a_sentinel__not_ok(db: None, start_redis: Callable[..., Any], tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "sentinel.conf"
    file.touch()
    start_redis(str(file), "--sentinel", "--port", str(port), port=port)
    assert redis_state() == "unusable"


def test_readyz__redis_takes_no_writes__not_ok(db: None, own_redis: SupervisedServer, settings: Any) -> None:
    with Redis.from_url(settings.REDIS_LOCATION) as client:
        assert redis_state() == "ok"
        assert client.keys() == []  # nothing is left
        client.execute_command("REPLICAOF", "127.0.0.1", free_port())
        assert redis_state() == "unusable"


def test_readyz__a_second_node_keeps_nothing__not_ok(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first key that is tried may be of a node that does."""

    class OneOfTwoNodes:
        def set_many(self, entries: dict[str, int], *_: object, **__: object) -> None:
            self.kept = dict([*entries.items()][:1])

        def get_many(self, *_: object, **__: object) -> dict[str, int]:
            return self.kept

    nodes = OneOfTwoNodes()
    monkeypatch.setattr(RedisCopies, "_client", lambda copies: nodes)
    assert redis_state() == "unusable"


@pytest.mark.parametrize(
    ("login", "database", "said"),
    [
        (":wr0ng@", 0, "WRONGPASS invalid username-password pair"),
        ("", 0, "NOAUTH"),
        ("nobody:wr0ng@", 0, "WRONGPASS"),
        (":right@", 99, "ERR DB index is out of range"),
    ],
)
def test_readyz__redis_lets_nobody_in__unusable_and_logged_why(
    db: None,
    start_redis: Callable[..., Any],
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    login: str,
    database: int,
    said: str,
) -> None:
    """Also while the breaker leaves it alone; no longer once nobody listens there."""
    port = free_port()
    server = start_redis("--port", str(port), port=port)
    server.config_set("requirepass", "right")
    location, username, password = split_redis_url(f"redis://{login}127.0.0.1:{port}/{database}")
    cache = settings.CACHES["default"]
    options = cache["OPTIONS"] | {"USERNAME": username, "PASSWORD": password}
    settings.CACHES = {"default": {**cache, "LOCATION": location, "OPTIONS": options}}
    assert [redis_state(), redis_state()] == ["unusable", "unusable"]
    (line,) = [text for text in caplog.messages if "Circuit breaker open" in text]
    assert said in line
    assert "wr0ng" not in caplog.text
    breaker = breaker_of()
    assert breaker
    breaker.retry_after = (0.1, 0.1)
    server.execute_command("AUTH", "right")
    server.shutdown(nosave=True)
    wait_until(lambda: redis_state() == "unreachable", 10)
