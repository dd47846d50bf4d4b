"""Hostile and malformed requests: the whole application answers with a 4xx that names what is wrong."""

import json
import subprocess
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiKey
from companion.body_limits import BodyLimits
from companion.handler import Handler
from companion.hot_read import HotReader
from companion.tests.asgi_client import HOST, PREFIX, Answer, AsgiClient, request, with_key
from personalities.models import Personality

ELARA = f"{PREFIX}elara/"
GREETING = b'{"greeting": "Changed."}'


@pytest.fixture(scope="module")
def application() -> HotReader:
    return HotReader(BodyLimits(Handler()))


@pytest.fixture
def key(transactional_db: None, settings: Any) -> str:
    """The API key of a staff user; there is an elara to change."""
    settings.ALLOWED_HOSTS = [HOST]
    Personality.objects.create(personality_name="elara")
    return ApiKey.objects.issue(User.objects.create_user("stella", is_staff=True))[1]


def assert_refused(answer: Answer, status: int, field: str) -> None:
    problem = json.loads(answer.body)
    assert (answer.status, answer.header(b"content-type")) == (status, b"application/problem+json"), problem
    assert field in problem["errors"], problem
    assert Personality.objects.get().greeting == ""


def declared(length: bytes) -> dict[str, bytes]:
    return {"content_length": length, "content_type": b"application/json"}


@pytest.mark.parametrize("path", [ELARA, "/api/nothing", "/api/schema/"])
@pytest.mark.parametrize("length", [b"65537", b"2700000", b"9" * 30, b"0" * 20 + b"9" * 9, b"9" * 5000])
def test_body__more_than_64_kib_for_the_api__413_unread(
    application: HotReader, ask: AsgiClient, key: str, path: str, length: bytes
) -> None:
    answer = ask(application, request(path, with_key(key, **declared(length)), "PATCH"), GREETING)
    assert_refused(answer, 413, "body")
    assert json.loads(answer.body)["detail"] == "At most 65536 bytes are read."


@pytest.mark.apps("conversations")
@pytest.mark.parametrize(("length", "status"), [(b"1048576", 404), (b"1048577", 413)])
def test_body__of_a_message__up_to_1_mib(
    application: HotReader, ask: AsgiClient, key: str, length: bytes, status: int
) -> None:
    """404, because the conversation does not exist: the body was let in."""
    path = f"/api/v1/conversations/{UUID(int=1)}/messages/"
    assert ask(application, request(path, with_key(key, **declared(length)), "POST"), b"{}").status == status


def test_body__more_than_64_kib_below_a_path__413(application: HotReader, ask: AsgiClient, key: str) -> None:
    scope = request(f"/below{ELARA}", with_key(key, **declared(b"65537")), "PATCH", root_path="/below")
    assert_refused(ask(application, scope, GREETING), 413, "body")


@pytest.mark.parametrize(("length", "status"), [(b"65536", 403), (b"65537", 413), (b"524289", 413)])
def test_body__of_a_strangers_form__up_to_64_kib(
    application: HotReader, ask: AsgiClient, key: str, length: bytes, status: int
) -> None:
    """403, because the CSRF token is missing: the body was let in."""
    headers = with_key(key, content_length=length, content_type=b"application/x-www-form-urlencoded")
    assert ask(application, request("/admin/login/", headers, "POST"), b"a=b").status == status


@pytest.mark.parametrize("length", [b"-1", b"x", b"1e3", "١".encode(), b"5, 5", b" ", b"0x10"])
def test_body__length_that_is_no_number__400(application: HotReader, ask: AsgiClient, key: str, length: bytes) -> None:
    answer = ask(application, request(ELARA, with_key(key, **declared(length)), "PATCH"), GREETING)
    assert_refused(answer, 400, "body")


def test_body__two_lengths__400(application: HotReader, ask: AsgiClient, key: str) -> None:
    headers = [*with_key(key, **declared(b"24")), (b"content-length", b"70000")]
    assert_refused(ask(application, request(ELARA, headers, "PATCH"), GREETING), 400, "body")


def test_body__compressed__400(application: HotReader, ask: AsgiClient, key: str) -> None:
    packed = subprocess.run(["gzip"], input=GREETING, capture_output=True, check=True).stdout
    headers = with_key(key, content_encoding=b"gzip", **declared(str(len(packed)).encode()))
    assert_refused(ask(application, request(ELARA, headers, "PATCH"), packed), 400, "body")


KINDS = [b"", b"/", b"application/", b";", b"application/json; charset=bz2_codec", b"application/json; charset=\xff",
         b"application/json; charset=\x00", b"application/json; charset*=utf-8''%00"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_content_type__none_that_is_read__415(application: HotReader, ask: AsgiClient, key: str, kind: bytes) -> None:
    headers = with_key(key, content_length=b"24", content_type=kind)
    assert_refused(ask(application, request(ELARA, headers, "PATCH"), GREETING), 415, "Content-Type")


HOSTS = [b"evil.example", b"me:secret@companion.example", b"", b"companion.example, evil.example", b"\xff", b"a\x00b",
         b"companion.example:x", b"companion.example/..", b"[::1%eth0]", b"x" * 20_000]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_host__foreign_or_no_host__400(application: HotReader, ask: AsgiClient, key: str, host: bytes) -> None:
    answer = ask(application, request(ELARA, with_key(key, host=host), "PATCH"), GREETING)
    assert_refused(answer, 400, "Host")


def test_host__said_twice__400(application: HotReader, ask: AsgiClient, key: str) -> None:
    headers = [*with_key(key), (b"host", b"evil.example")]
    assert_refused(ask(application, request(ELARA, headers, "PATCH"), GREETING), 400, "Host")


@pytest.mark.parametrize(
    "addresses", [b"10.0.0.1", b"x" * 20_000, b"10.0.0.1:80, 10.0.0.2", b"a\nb", b"fe80::1%eth0", b"\xff\x00"]
)
def test_forwarded_for__whatever_it_says__nothing_changes(
    application: HotReader, ask: AsgiClient, key: str, addresses: bytes
) -> None:
    headers = with_key(key, x_forwarded_for=addresses, **declared(b"24"))
    assert ask(application, request(ELARA, headers, "PATCH"), GREETING).status == 200


@pytest.mark.parametrize("path", [ELARA, PREFIX, "/metrics"])
@pytest.mark.parametrize("bad", [b"\x00", b"x" * 1_000_000, b"\xff", b"cpk_", b"", b"  ", b"\r\nX: y", "١".encode()])
def test_key__no_key__401(application: HotReader, ask: AsgiClient, key: str, path: str, bad: bytes) -> None:
    headers = with_key("", authorization=b"Bearer " + bad)
    answer = ask(application, request(path, headers))
    assert (answer.status, answer.header(b"content-type")) == (401, b"application/problem+json")


@pytest.mark.parametrize("more", [b"x", b"\x00", b"\xc3\xa9", b" x"])
def test_key__with_something_behind_it__401(application: HotReader, ask: AsgiClient, key: str, more: bytes) -> None:
    headers = with_key("", authorization=b"Bearer " + key.encode() + more)
    assert ask(application, request(ELARA, headers)).status == 401


COOKIES = [rb'sessionid="aaaaaaaaaaaaaaaa\000"', b"sessionid=" + b"a" * 32 + b"\x00", b"sessionid=\xff", b"sessionid=*",
           b"sessionid=" + b"a" * 99_999, b";;=;", b"csrftoken=\x00", b"messages=\x00"]  # fmt: skip


@pytest.mark.parametrize("cookie", COOKIES)
def test_cookie__no_session__401(application: HotReader, ask: AsgiClient, key: str, cookie: bytes) -> None:
    headers = [(b"host", HOST.encode()), (b"cookie", cookie)]
    assert ask(application, request(ELARA, headers)).status == 401
    assert ask(application, request("/admin/", headers)).status == 302


@pytest.mark.parametrize(
    "query", [b"page=" + b"9" * 21, b"page=-1", b"format=../../etc", b"page_size=-1", b"ordering=password", b"limit=-1",
              b"search=%00", b"archetype=%00", b"is_active=%00", b"search=" + b"a+" * 9999, b"\xff=\xff", b"%ff=%ff"]
)  # fmt: skip
def test_query__bad__4xx_as_a_problem(application: HotReader, ask: AsgiClient, key: str, query: bytes) -> None:
    answer = ask(application, request(PREFIX, with_key(key), query_string=query))
    assert answer.status in {400, 404}
    assert answer.header(b"content-type") == b"application/problem+json"


NAMES = ["*", "?", "[a", "a:id", "x:config", "a\nb", "a\r\nDEL x", "\t", "a" * 60_000, "..", ".", "\x00",
         "\u200belara", "\u202eelara", "elar\u0131\u0307", "-1", "0", "1e3", "١", "9" * 19, "epoch", "🌙",
         "e\u0301lara"]  # fmt: skip


@pytest.mark.parametrize("rest", ["/", "/id/"])
@pytest.mark.parametrize("name", NAMES)
def test_path__name_of_nobody__404_names_it(
    application: HotReader, ask: AsgiClient, key: str, name: str, rest: str
) -> None:
    assert_refused(ask(application, request(f"{PREFIX}{name}{rest}", with_key(key))), 404, "name")


@pytest.mark.parametrize("accept", [b"text/html", b"x", b"application/xml;q=2", b"\xff", b"a\x00b"])
def test_accept__nothing_that_is_spoken__406(application: HotReader, ask: AsgiClient, key: str, accept: bytes) -> None:
    answer = ask(application, request(ELARA, with_key(key, accept=accept)))
    assert (answer.status, answer.header(b"content-type")) == (406, b"application/problem+json")


@pytest.mark.parametrize("etag", [b"*x", b'"', b"W/", b'"a" "b', b"\xff", b"x" * 50_000, b"," * 50_000])
def test_if_none_match__no_etag__the_whole(application: HotReader, ask: AsgiClient, key: str, etag: bytes) -> None:
    assert ask(application, request(ELARA, with_key(key, if_none_match=etag))).status == 200


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "X" * 1000, "POST"])
def test_method__not_offered__405(application: HotReader, ask: AsgiClient, key: str, method: str) -> None:
    answer = ask(application, request(ELARA, with_key(key), method))
    assert (answer.status, answer.header(b"content-type")) == (405, b"application/problem+json")
