"""Whose address counts: behind proxies that are trusted the client's, else that of the connection."""

import logging
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory

from companion.environment import checked_networks
from companion.tests.asgi_client import HOST, AsgiClient, request
from rest.client_address import address_block, client_address

LOGIN = "/admin/login/"
PROXY, STRANGER, BOSS = "10.0.0.1", "203.0.113.9", "198.51.100.7"


def address(peer: str | None, forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    request = RequestFactory().get("/", **headers)  # type: ignore[arg-type]
    if peer is None:
        del request.META["REMOTE_ADDR"]
    else:
        request.META["REMOTE_ADDR"] = peer
    return str(client_address(request))


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "expected"),
    [
        ("", PROXY, STRANGER, PROXY),
        (PROXY, PROXY, None, PROXY),
        (PROXY, PROXY, "", PROXY),
        (PROXY, PROXY, STRANGER, STRANGER),
        (PROXY, PROXY, f"{BOSS}, {STRANGER}", STRANGER),  # the first was written by the client
        (PROXY, PROXY, f"{BOSS}, {PROXY}", BOSS),
        (f"{PROXY}, 192.0.2.0/24", PROXY, f"{BOSS}, {STRANGER},192.0.2.8 ", STRANGER),
        (PROXY, "10.0.0.2", STRANGER, "10.0.0.2"),
        ("10.0.0.0/8", "10.9.9.9", "unknown", "10.9.9.9"),
        ("10.0.0.0/8", "10.9.9.9", f"{STRANGER}, garbage, 10.0.0.3", "10.0.0.3"),
        (PROXY, PROXY, f"{BOSS}, , {PROXY}", BOSS),  # an empty element is none
        (PROXY, PROXY, f"{BOSS},,{STRANGER}", STRANGER),
        (PROXY, PROXY, f"{STRANGER}, ,", STRANGER),
        (PROXY, PROXY, f"{BOSS}, unknown, , {PROXY}", PROXY),
        (PROXY, PROXY, f",{STRANGER}", STRANGER),
        (PROXY, PROXY, f"{STRANGER}:4711", STRANGER),
        (PROXY, PROXY, "[2001:db8::7]:4711", "2001:db8::7"),
        (PROXY, PROXY, "fe80::1%eth0", "fe80::1"),
        (PROXY, f"::ffff:{PROXY}", f"::ffff:{STRANGER}", STRANGER),
        ("fd00::/8", "fd00::1", "2001:db8::7", "2001:db8::7"),
        ("0.0.0.0/0, ::/0", PROXY, ", ".join([STRANGER] * 500), STRANGER),
        (f"::ffff:{PROXY}", PROXY, STRANGER, STRANGER),
        ("::ffff:10.0.0.0/104", f"::ffff:{PROXY}", STRANGER, STRANGER),
        ("fe80::1%eth0", "fe80::1%eth0", STRANGER, STRANGER),
        ("fe80::%eth0/64", "fe80::9%eth1", STRANGER, STRANGER),
        ("unix", None, STRANGER, STRANGER),
        ("unix", "", STRANGER, STRANGER),
        (PROXY, None, STRANGER, "0.0.0.0"),  # noqa: S104
    ],
)
def test_address__by_whom_is_trusted(
    settings: Any, trusted: str, peer: str | None, forwarded: str | None, expected: str
) -> None:
    settings.TRUSTED_PROXIES = checked_networks(trusted)
    assert address(peer, forwarded) == expected


@pytest.mark.parametrize("wrong", ["nginx", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1 10.0.0.2", "*", "http://10.0.0.1"])
def test_trusted_proxies__no_address__refused_in_one_sentence(wrong: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^TRUSTED_PROXIES: not an address") as raised:
        checked_networks(f"192.0.2.1, {wrong}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("peer", "block"), [(BOSS, BOSS), ("2001:db8:1:2:3::4", "2001:db8:1:2::")])
def test_block__of_ipv6_the_64(settings: Any, peer: str, block: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=peer)
    assert address_block(client_address(request)) == block


@pytest.fixture
def boss(staff: User) -> User:
    staff.set_password("right")
    staff.save()
    return staff


def attempt(password: str, peer: str | None, forwarded: str = "") -> int:
    client = Client(**({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}))  # type: ignore[arg-type]
    return client.post(LOGIN, {"username": "stella", "password": password}, REMOTE_ADDR=peer or "").status_code


@pytest.mark.django_db
@pytest.mark.parametrize(("trusted", "peer"), [(PROXY, PROXY), ("unix", None)])
def test_login__a_stranger_behind_the_same_proxy__locks_nobody_out_and_is_named(
    boss: User, settings: Any, caplog: pytest.LogCaptureFixture, trusted: str, peer: str | None
) -> None:
    settings.TRUSTED_PROXIES = checked_networks(trusted)
    caplog.set_level(logging.WARNING)
    assert [attempt("wrong", peer, STRANGER) for _ in range(10)][-1] == 429
    assert attempt("right", peer, STRANGER) == 429
    assert attempt("right", peer, f"{STRANGER}, {BOSS}") == 302
    assert STRANGER in caplog.text
    assert "stella" not in caplog.text


@pytest.mark.django_db
def test_login__over_a_unix_socket_without_a_proxy__locked_all_the_same(boss: User) -> None:
    assert [attempt("wrong", None) for _ in range(10)][-1] == 429


@pytest.mark.django_db
def test_login__addresses_of_one_ipv6_network__one_count(boss: User) -> None:
    assert [attempt("wrong", f"2001:db8::{number}") for number in range(10)][-1] == 429
    assert attempt("right", "2001:db8::ffff:1") == 429
    assert attempt("right", "2001:db8:0:1::1") == 302
    assert AccessAttempt.objects.count() == 1


PATHS = ["/livez", pytest.param("/v1/models", marks=pytest.mark.apps("chat"))]


@pytest.mark.parametrize(("trusted", "lines"), [("", 1), (PROXY, 0)])
@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"x-real-ip"])
@pytest.mark.parametrize("path", PATHS)
def test_forwarded_header__nobody_is_trusted__one_warning(
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    application: Any,
    ask: AsgiClient,
    path: str,
    header: bytes,
    trusted: str,
    lines: int,
) -> None:
    settings.TRUSTED_PROXIES = checked_networks(trusted)
    host = (b"host", HOST.encode())
    ask(application, request(path, [host]))
    for _ in range(3):
        ask(application, request(path, [host, (header, STRANGER.encode())], client=(PROXY, 50000)))
    warnings = [record.getMessage() for record in caplog.records if "TRUSTED_PROXIES" in record.getMessage()]
    assert len(warnings) == lines
    assert all(PROXY in warning and STRANGER not in warning for warning in warnings)


@pytest.mark.parametrize("client", [None, ("", 0)])
def test_forwarded_header__over_a_unix_socket__warning_says_how_to_trust_it(
    settings: Any, caplog: pytest.LogCaptureFixture, application: Any, ask: AsgiClient, client: Any
) -> None:
    settings.TRUSTED_PROXIES = []
    ask(application, request("/livez", [(b"x-forwarded-for", STRANGER.encode())], client=client))
    assert "header from unix is ignored" in caplog.text
