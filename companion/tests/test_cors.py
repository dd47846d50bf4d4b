"""Pages of named origins reach /v1/ and /api/ with a key; a cookie gains them nothing, and others stay as far away."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from accounts.models import ApiKey
from companion.environment import checked_cors_origins
from companion.handler import Handler
from companion.hot_read import HotReader
from companion.mount import is_secure_request
from companion.tests.asgi_client import HOST, PREFIX, Answer, AsgiClient, request, with_key
from personalities.models import Personality

PAGE, OTHER = b"https://app.example", b"https://evil.example"
ELARA, LIST, CHAT = f"{PREFIX}elara/", PREFIX, "/v1/chat/completions"
ALLOW, EXPOSE = b"access-control-allow-origin", b"access-control-expose-headers"


@pytest.fixture(autouse=True)
def _origins(settings: Any) -> Iterator[None]:
    settings.ALLOWED_HOSTS, settings.CORS_ALLOWED_ORIGINS = [HOST], frozenset({PAGE.decode(), f"https://{HOST}"})
    yield
    is_secure_request.cache_clear()


@pytest.fixture
def user(transactional_db: None) -> User:
    """There is an elara, whom everybody reads."""
    Personality.objects.create(personality_name="elara")
    return User.objects.create_user("ursula")


@pytest.fixture
def key(user: User) -> str:
    return ApiKey.objects.issue(user)[1]


def preflight(path: str, origin: bytes, **more: bytes) -> dict[str, Any]:
    asked = {"origin": origin, "access_control_request_method": b"PATCH", "access_control_request_headers": b"x-a"}
    headers = [(name.replace("_", "-").encode(), value) for name, value in (asked | more).items()]
    return request(path, [(b"host", HOST.encode()), *headers], "OPTIONS")


def shared_with(answer: Answer) -> list[bytes]:
    assert not any(name == b"access-control-allow-credentials" for name, _ in answer.headers)
    return [value for name, value in answer.headers if name == ALLOW]


def varies(answer: Answer) -> bool:
    return any(name == b"vary" and value == b"Origin" for name, value in answer.headers)


def test_preflight__with_two_lengths__refused(ask: AsgiClient, application: HotReader) -> None:
    asked = preflight(CHAT, PAGE, content_length=b"5", transfer_encoding=b"chunked")
    assert ask(application, asked).status == 400


@pytest.mark.parametrize("path", [ELARA, LIST, CHAT, "/v1/models", "/api/schema/"])
def test_preflight__named_origin__answered_without_key_or_database(
    ask: AsgiClient, application: HotReader, path: str
) -> None:
    answer = ask(application, preflight(path, PAGE))
    assert (answer.status, answer.body, shared_with(answer), varies(answer)) == (204, b"", [PAGE], True)
    assert b"PATCH" in answer.header(b"access-control-allow-methods").split(b", ")
    assert answer.header(b"access-control-allow-headers").split(b", ") == [b"Authorization", b"*"]
    assert int(answer.header(b"access-control-max-age")) > 0


@pytest.mark.parametrize(
    "origin",
    [
        OTHER,
        b"null",
        b"*",
        b"HTTPS://app.example",
        b"https://app.example.evil.example",
        b"http://app.example",
        b"https://app.example:8443",
        b"\xff",
        b"",
    ],
)
def test_preflight__any_other_origin__refused(ask: AsgiClient, application: HotReader, origin: bytes) -> None:
    answer = ask(application, preflight(ELARA, origin))
    assert (answer.status, shared_with(answer), varies(answer)) == (403, [], True)


@pytest.mark.parametrize(("asked", "given"), [(b"true", True), (b"false", False), (None, False)])
def test_preflight__into_a_private_network__allowed_to_named_origins(
    ask: AsgiClient, application: HotReader, asked: bytes | None, given: bool
) -> None:
    more = {"access_control_request_private_network": asked} if asked else {}
    for origin, is_named in ((PAGE, True), (OTHER, False)):
        headers = dict(ask(application, preflight(ELARA, origin, **more)).headers)
        assert (headers.get(b"access-control-allow-private-network") == b"true") is (given and is_named)


@pytest.mark.apps("chat")
@pytest.mark.parametrize("path", ["/", "/admin/", "/chat/", "/chat/elara", "/accounts/login/", "/metrics", "/apiary/"])
def test_pages__named_origin__not_shared(ask: AsgiClient, application: HotReader, user: User, path: str) -> None:
    assert shared_with(ask(application, preflight(path, PAGE))) == []
    headers = [(b"host", HOST.encode()), (b"origin", PAGE)]
    for method in ("GET", "POST"):
        assert shared_with(ask(application, request(path, headers, method))) == []


@pytest.mark.apps("chat")
@pytest.mark.parametrize(
    "path", ["//v1/chat/completions", "/responses", "/chat/completions", "/openai/v1/models", "/v1", "//models"]
)
def test_answer__at_a_wrong_address_of_openais__readable_for_it_says_the_right_one(
    ask: AsgiClient, application: HotReader, key: str, client: Client, user: User, path: str
) -> None:
    assert shared_with(ask(application, preflight(path, PAGE))) == [PAGE]
    client.force_login(user)  # which counts for nothing, although the playground's session does at one of these
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    answer = ask(application, request(path, with_key(key, origin=PAGE, cookie=cookie), "POST"))
    assert (answer.status, shared_with(answer)) == (404, [PAGE])
    assert shared_with(ask(application, request(path, with_key(key, origin=OTHER), "POST"))) == []


@pytest.mark.parametrize(
    ("path", "method", "more", "status"),
    [
        (LIST, "GET", {}, 200),
        (f"{PREFIX}nobody/", "GET", {}, 404),
        (LIST, "GET", {"authorization": b"Bearer cpk_x"}, 401),
        (ELARA, "GET", {"accept": b"text/html"}, 406),
        (ELARA, "PATCH", {"content_type": b"application/json", "content_length": b"99999"}, 413),
        (LIST, "GET", {"x_long": b"x" * 9000}, 431),
        (LIST, "GET", {"host": b"evil.example"}, 400),
        ("/api/v1/personalities", "GET", {}, 301),
        pytest.param("/v1/models", "GET", {}, 200, marks=pytest.mark.apps("chat")),
        pytest.param("/v1/models", "GET", {"authorization": b""}, 401, marks=pytest.mark.apps("chat")),
        pytest.param("/v1/nothing", "GET", {}, 404, marks=pytest.mark.apps("chat")),
    ],
)
def test_answer__to_a_named_origin__readable_whatever_it_is(
    ask: AsgiClient, application: HotReader, key: str, path: str, method: str, more: dict[str, bytes], status: int
) -> None:
    named, other, none = (
        ask(application, request(path, with_key(key, **more, **origin), method))
        for origin in ({"origin": PAGE}, {"origin": OTHER}, {})
    )
    assert (named.status, shared_with(named), named.header(EXPOSE)) == (status, [PAGE], b"*")
    assert (other.status, shared_with(other), none.status, shared_with(none)) == (status, [], status, [])
    assert varies(named)
    assert varies(other)
    assert varies(none)


def test_session__of_a_page_elsewhere__gains_nothing(
    ask: AsgiClient, application: HotReader, user: User, client: Client
) -> None:
    client.force_login(user)
    cookie = (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())
    usual = [(b"host", HOST.encode()), cookie]
    assert ask(application, request(LIST, usual)).status == 200
    answer = ask(application, request(LIST, [*usual, (b"origin", PAGE)]))
    assert (answer.status, shared_with(answer)) == (401, [PAGE])


def test_session__of_our_own_page__as_ever_though_its_origin_is_named(
    ask: AsgiClient, application: HotReader, user: User, client: Client
) -> None:
    client.force_login(user)
    cookie = (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())
    headers = [(b"host", HOST.encode()), cookie, (b"origin", f"https://{HOST}".encode())]
    answer = ask(application, request(LIST, headers))
    assert (answer.status, shared_with(answer)) == (200, [])


@pytest.mark.parametrize("etag", [None, b"current", b'"x"'])
@pytest.mark.parametrize("origin", [PAGE, OTHER, f"https://{HOST}".encode(), None])
def test_hot_read__with_and_without_an_origin__as_through_django(
    ask: AsgiClient, application: HotReader, key: str, origin: bytes | None, etag: bytes | None
) -> None:
    """Byte for byte, and from memory, but for a condition that takes Django to parse."""
    django = application.application
    more = {"origin": origin} if origin else {}
    first = ask(django, request(ELARA, with_key(key)))
    if etag:
        more["if_none_match"] = first.header(b"etag") if etag == b"current" else etag
    scopes = [request(ELARA, with_key(key, x_request_id=b"1", **more)) for _ in range(3)]
    expected, found = ask(django, scopes[0]), ask(application, scopes[1])
    assert found == expected
    assert (shared_with(found), varies(found)) == ([PAGE] if origin == PAGE else [], True)
    assert (application.find(scopes[2]) is not None) is (etag != b'"x"')  # type: ignore[arg-type]


def test_cors__nobody_named__nothing_changes(ask: AsgiClient, settings: Any, key: str) -> None:
    from companion.front import wrap

    settings.CORS_ALLOWED_ORIGINS = frozenset()
    application = wrap(Handler())
    assert ask(application, preflight(ELARA, PAGE)).status == 401
    for _ in range(2):
        answer = ask(application, request(ELARA, with_key(key, origin=PAGE)))
        assert (answer.status, shared_with(answer), varies(answer)) == (200, [], False)


@pytest.mark.parametrize(
    "value",
    [
        "https://app.example",
        "http://localhost:3000, chrome-extension://abc",
        "http://[::1]:3000",
        "app://obsidian.md",
        "",
    ],
)
def test_setting__origins_in_full__taken(value: str) -> None:
    assert checked_cors_origins(value) == frozenset(name.strip() for name in value.split(",") if name)


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "null",
        "app.example",
        "https://app.example/",
        "https://*.example",
        "https://App.example",
        "https://app.example:443",
        "http://[::1]:80",
        "https://a:b@app.example",
        "https://äpp.example",
        "https://a.example https://b.example",
    ],
)
def test_setting__what_no_browser_sends__refused_by_name(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^CORS_ALLOWED_ORIGINS: not an origin") as raised:
        checked_cors_origins(value)
    assert "\n" not in str(raised.value)
