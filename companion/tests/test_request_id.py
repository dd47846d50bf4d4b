"""Each request has an id: the caller's own, where it is safe, which every answer gives back."""

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiKey
from companion.mount import is_secure_request
from companion.tests.asgi_client import HOST, PREFIX, AsgiClient, request, with_key
from personalities.models import Personality
from rest.request_id import RequestIds, current, given_id

CHAT = pytest.mark.apps("chat")
TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = b"00-" + TRACE + b"-00f067aa0ba902b7-01"


@pytest.mark.parametrize("given", [b"a", b"x" * 128, b"req_1-2.3:4/5+6=7@8", b"4BF92F35-77B3"])
def test_given_id__safe__taken_before_the_trace(given: bytes) -> None:
    assert given_id({b"x-request-id": given, b"traceparent": TRACEPARENT}) == given


@pytest.mark.parametrize("given", [b"", b"x" * 129, b"a b", b"a\n", b"a\x1b[2J", b'a"', b"\xff", b"a,b", b"a%0d"])
def test_given_id__not_safe__that_of_the_trace_or_none(given: bytes) -> None:
    assert given_id({b"x-request-id": given, b"traceparent": TRACEPARENT}) == TRACE
    assert given_id({b"x-request-id": given}) is None


@pytest.mark.parametrize(
    "trace",
    [b"", b"ff" + TRACEPARENT[2:], TRACEPARENT.replace(TRACE, b"0" * 32), TRACEPARENT[:-1], TRACEPARENT.upper(), b"x"],
)
def test_given_id__trace_is_not_valid__none(trace: bytes) -> None:
    assert given_id({b"traceparent": trace}) is None


@pytest.mark.parametrize("trace", [TRACEPARENT, b"01" + TRACEPARENT[2:] + b"-more"])
def test_given_id__trace_alone__its_id(trace: bytes) -> None:
    assert given_id({b"traceparent": trace}) == TRACE


@pytest.fixture
def key(transactional_db: None, settings: Any) -> Any:
    settings.ALLOWED_HOSTS = [HOST]
    is_secure_request.cache_clear()
    Personality.objects.create(personality_name="elara")
    yield ApiKey.objects.issue(User.objects.create_user("ursula"))[1]
    is_secure_request.cache_clear()


@pytest.mark.parametrize(
    "path", ["/livez", f"{PREFIX}nobody/", "/metrics", "/no/such/page", pytest.param("/v1/models", marks=CHAT)]
)
def test_request_id__any_answer__the_callers_or_a_new_one(
    path: str, application: Any, ask: AsgiClient, key: str
) -> None:
    given = ask(application, request(path, with_key(key, x_request_id=b"mine-1")))
    assert given.header(b"x-request-id") == b"mine-1"
    traced = ask(application, request(path, with_key(key, traceparent=TRACEPARENT)))
    assert traced.header(b"x-request-id") == TRACE
    made = [ask(application, request(path, with_key(key))).header(b"x-request-id") for _ in range(2)]
    assert {len(each) for each in made} == {32}
    assert made[0] != made[1]
    assert [name for name, _ in given.headers].count(b"x-request-id") == 1


def test_request_id__read_from_memory__only_the_callers(application: Any, ask: AsgiClient, key: str) -> None:
    path = f"{PREFIX}elara/"
    assert ask(application, request(path, with_key(key))).header(b"x-request-id")  # the first goes to Django
    plain = ask(application, request(path, with_key(key)))
    given = ask(application, request(path, with_key(key, x_request_id=b"mine-1")))
    assert b'"near"' in plain.header(b"server-timing")
    assert b"x-request-id" not in dict(plain.headers)
    assert {*given.headers} - {*plain.headers} == {(b"x-request-id", b"mine-1")}
    assert ask(application, request(path, with_key(key, traceparent=TRACEPARENT))).header(b"x-request-id") == TRACE
    assert ask(application, request(path, with_key(key))).headers == plain.headers


def test_current__id_of_a_request__while_it_is_answered() -> None:
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(current.get())

    async def ask() -> str:
        await RequestIds(application)(request("/", [(b"x-request-id", b"mine-1")]), None, None)  # type: ignore[arg-type]
        return current.get()

    assert (asyncio.run(ask()), seen) == ("", ["mine-1"])
