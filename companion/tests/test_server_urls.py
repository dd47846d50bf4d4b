"""DATABASE_URL and REDIS_URL: what would fail at every connection is refused at the start."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from companion.database_url import checked_database_url
from companion.redis_url import split_redis_url

DATABASE, REDIS, TLS = "postgresql://a:hidden@db.example/c", "redis://:hidden@h/0", "rediss://:hidden@h/0"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sslmode=bogus", "sslmode"),
        ("connect_timeout=abc", "connect_timeout"),
        ("connect_timeout=nan", "connect_timeout"),
        ("target_session_attrs=bogus", "target_session_attrs"),
        ("gssencmode=bogus", "gssencmode"),
        ("channel_binding=bogus", "channel_binding"),
        ("load_balance_hosts=bogus", "load_balance_hosts"),
        ("require_auth=bogus", "require_auth"),
        ("ssl_min_protocol_version=bogus", "ssl_min_protocol_version"),
        ("sslrootcert=system&sslmode=require", "sslmode"),
        ("keepalives=x", "keepalives"),
        ("keepalives_idle=-5", "KEEPIDLE"),
        ("tcp_user_timeout=99999999999999", "tcp_user_timeout"),
        ("service=no_such", "no_such"),
        ("isolation_level=9", "isolation_level"),
        ("isolation_level=true", "isolation_level"),
        ("server_side_binding=maybe", "server_side_binding"),
        ("pool=maybe", "pool"),
        ("sslmode=disable&sslmode=require", "sslmode"),
        ("autocommit=false", "autocommit"),
        ("prepare_threshold=x", "prepare_threshold"),
        ("context=x", "context"),
        ("role=x", "role"),
        ("conninfo=host%3Dh", "conninfo"),
        ("port=x", "ports"),
        ("host=a,b&port=1,2,3", "ports"),
    ],
)
def test_database_url__parameter_that_libpq_or_django_refuses__named(query: str, named: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^DATABASE_URL: ") as refusal:
        checked_database_url(f"{DATABASE}?{query}")
    said = str(refusal.value)
    assert named in said
    assert "hidden" not in said
    assert said.isprintable()


@pytest.mark.parametrize(
    "query",
    [
        "application_name=companion",
        "sslmode=verify-full&sslrootcert=/no/such",
        "sslmode=require&channel_binding=require",
        "gssencmode=require",
        "connect_timeout=10&keepalives=1&keepalives_idle=30&tcp_user_timeout=10000",
        "options=-c%20work_mem%3D8MB",
        "assume_role=owner&server_side_binding=true&isolation_level=2",
        "target_session_attrs=read-write&load_balance_hosts=random",
        "client_encoding=latin1",
        "hostaddr=10.0.0.1",
    ],
)
def test_database_url__parameter_that_libpq_takes__taken(query: str) -> None:
    assert checked_database_url(f"{DATABASE}?{query}")["OPTIONS"].keys() == {
        pair.partition("=")[0] for pair in query.split("&")
    }


@pytest.mark.parametrize(
    "url",
    ["postgresql://a:hidden@h:0/c", "postgresql://a:hid%00den@h/c", f"postgresql://a:hidden@h/{'c' * 64}", "\udcff"],
)
def test_database_url__no_address__refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^DATABASE_URL: ") as refusal:
        checked_database_url(url)
    assert "hid" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        *((f"{REDIS}?{name}=x", name) for name in ("retry", "credential_provider", "redis_connect_func", "bogus")),
        *((f"{REDIS}?{name}=x", name) for name in ("command_packer", "event_dispatcher", "socket_type", "timeout")),
        *((f"{REDIS}?{name}=x", name) for name in ("retry_on_error", "encoding_errors", "host", "port", "path")),
        (f"{REDIS}?decode_responses=maybe", "decode_responses"),
        (f"{REDIS}?encoding=utf-16", "encoding"),
        (f"{REDIS}?protocol=9", "protocol"),
        *((f"{REDIS}?{name}=-1", name) for name in ("socket_timeout", "socket_connect_timeout", "db")),
        *((f"{REDIS}?{name}=0", name) for name in ("socket_timeout", "socket_read_size")),
        *((f"{REDIS}?socket_timeout={value}", "socket_timeout") for value in ("nan", "inf", "1e3", "٣", "9" * 400)),
        (f"{REDIS}?health_check_interval=-1", "health_check_interval"),
        (f"{REDIS}?socket_keepalive=maybe", "socket_keepalive"),
        (f"{REDIS}?client_name=a%20b", "client_name"),
        (f"{REDIS}?ssl_cert_reqs=none", "a parameter after ?"),
        (f"{TLS}?ssl_cert_reqs=bogus", "ssl_cert_reqs"),
        (f"{TLS}?ssl_ca_certs=/no/such", "a parameter after ?"),
        (f"{TLS}?ssl_ciphers=bogus", "a parameter after ?"),
        (f"{TLS}?ssl_min_version=9", "a parameter after ?"),
        ("redis://:hidden@h/99999999999999999999", "the number of the database"),
        *((url, "not an address of Redis") for url in ("redis://", "redis:///0", "redis://:hidden@:6379", "unix://")),
        *((url, "not an address of Redis") for url in ("redis://a..b", "redis://h1,h2/0", "redis://a%20b", "\udcff")),
        ("redis://" + "a" * 300, "not an address of Redis"),
    ],
)
def test_redis_url__what_would_fail_at_every_connection__refused_by_name(url: str, named: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^REDIS_URL: ") as refusal:
        split_redis_url(url)
    said = str(refusal.value)
    assert named in said
    assert "hidden" not in said
    assert said.isprintable()


@pytest.mark.parametrize(
    "query",
    ["socket_timeout=0.5&socket_connect_timeout=2", "protocol=3", "health_check_interval=30",
     "retry_on_timeout=true&socket_keepalive=no", "client_name=companion", "db=3"],
)  # fmt: skip
def test_redis_url__parameter_that_makes_sense__taken(query: str) -> None:
    assert split_redis_url(f"redis://h?{query}")[0] == f"redis://h?{query}"


def test_redis_url__how_answers_are_read__left_out() -> None:
    """Copies are bytes in UTF-8."""
    assert split_redis_url("redis://h/0?decode_responses=True&encoding=utf-8&db=1")[0] == "redis://h/0?db=1"


def test_redis_url__parameters_of_tls__taken(tmp_path: Path) -> None:
    (tmp_path / "authorities").mkdir()
    query = f"ssl_cert_reqs=optional&ssl_ca_path={tmp_path}/authorities&ssl_min_version=771&ssl_check_hostname=false"
    assert split_redis_url(f"rediss://h/0?{query}")[0].startswith("rediss://h/0?ssl_cert_reqs=optional&")


@pytest.mark.parametrize(
    "url", ["redis://redis:6379/0", "redis://my_redis", "redis://[::1]:1", "redis://10.0.0.1", "unix:///run/r.sock"]
)
def test_redis_url__host_or_path__taken(url: str) -> None:
    assert split_redis_url(url)[0] == url
