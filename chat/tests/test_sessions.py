"""The playground chats with a session instead of a key. Other sites' pages and signed-out users cannot."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from psycopg_pool import ConnectionPool

from chat.addresses import PAGE_COMPLETIONS
from chat.application import Chat
from chat.backends.console import ConsoleBackend
from chat.limits import Admission
from chat.tests import model_server
from chat.tests.conftest import served, upstream
from chat.tests.model_server import ModelServer
from chat.tests.test_disconnects import LONG_DEADLINES, in_use
from tests.waiting import wait_until

TOKEN = "x" * 32
SESSION, CSRF = configured.SESSION_COOKIE_NAME, configured.CSRF_COOKIE_NAME
HELLO = {"model": "mira", "messages": [{"role": "user", "content": "Hello?"}]}


@pytest.fixture
def session(key: str) -> Client:
    """A browser in which ursula is signed in."""
    client = Client()
    client.force_login(User.objects.get(username="ursula"))
    return client


@pytest.fixture
def page(session: Client) -> Iterator[httpx.Client]:
    """Ursula's browser, in front of an application that is served while the test lasts."""
    with served(Chat(ConsoleBackend())) as url, browser(url, session) as client:
        yield client


def browser(url: str, session: Client) -> httpx.Client:
    address = url.removesuffix("/v1")
    cookies = {SESSION: session.cookies[SESSION].value, CSRF: TOKEN}
    headers = {"X-CSRFToken": TOKEN, "Origin": address}
    return httpx.Client(base_url=address, cookies=cookies, headers=headers, trust_env=False, verify=False)


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_session__page_of_ours__answers_with_their_own_personality(page: httpx.Client) -> None:
    response = page.post(PAGE_COMPLETIONS, json=HELLO)
    assert response.status_code == 200
    assert "Your name is Mira." in response.json()["choices"][0]["message"]["content"]
    assert response.headers["Cache-Control"] == "no-store"


def test_session__personality_of_somebody_else__404(page: httpx.Client) -> None:
    assert refused(page.post(PAGE_COMPLETIONS, json={**HELLO, "model": "nora"})) == (404, "model_not_found")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRFToken": ""},
        {"X-CSRFToken": "y" * 32},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_session__forged__403(page: httpx.Client, headers: dict[str, str]) -> None:
    assert refused(page.post(PAGE_COMPLETIONS, json=HELLO, headers=headers)) == (403, "csrf_failed")


def test_session__token_in_the_body_or_no_cookie__403(page: httpx.Client) -> None:
    del page.headers["X-CSRFToken"]
    assert refused(page.post(PAGE_COMPLETIONS, data={"csrfmiddlewaretoken": TOKEN})) == (403, "csrf_failed")
    page.cookies.delete(CSRF)
    assert refused(page.post(PAGE_COMPLETIONS, json=HELLO, headers={"X-CSRFToken": TOKEN})) == (403, "csrf_failed")


@pytest.mark.parametrize(
    ("referer", "status"), [(None, 403), ("https://evil.example/", 403), ("https://{host}/chat/", 200)]
)
def test_session__https_without_origin__the_referer_decides(
    page: httpx.Client, settings: Any, referer: str | None, status: int
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    del page.headers["Origin"]
    page.headers["X-Forwarded-Proto"] = "https"
    if referer:
        page.headers["Referer"] = referer.format(host=page.base_url.netloc.decode())
    assert page.post(PAGE_COMPLETIONS, json=HELLO).status_code == status


@pytest.mark.parametrize("cookie", ["", "nobody", "a\\000b"])
def test_session__none__401(page: httpx.Client, cookie: str) -> None:
    page.cookies.delete(SESSION)
    page.cookies.set(SESSION, cookie)
    assert refused(page.post(PAGE_COMPLETIONS, json=HELLO)) == (401, "signed_out")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_session__none_but_a_key__404_says_where_keys_count(page: httpx.Client, method: str) -> None:
    page.cookies.delete(SESSION)
    answer = page.request(method, PAGE_COMPLETIONS, json=HELLO, headers={"Authorization": "Bearer cpk_x"})
    assert refused(answer) == (404, "unknown_url")
    assert ": ask /v1/chat/completions." in answer.json()["error"]["message"]


def test_session__signed_out_meanwhile__401(page: httpx.Client, session: Client) -> None:
    session.logout()
    assert refused(page.post(PAGE_COMPLETIONS, json=HELLO)) == (401, "signed_out")


@pytest.mark.parametrize("change", ["inactive", "password"])
def test_session__user_locked_or_password_changed__401(page: httpx.Client, change: str) -> None:
    ursula = User.objects.get(username="ursula")
    if change == "inactive":
        ursula.is_active = False
    else:
        ursula.set_password("another one")
    ursula.save()
    assert refused(page.post(PAGE_COMPLETIONS, json=HELLO)) == (401, "signed_out")


def test_session__key_and_cookie__each_at_its_own_address_only(page: httpx.Client, key: str) -> None:
    assert refused(page.post("/v1/chat/completions", json=HELLO)) == (401, "invalid_api_key")
    page.cookies.delete(SESSION)
    page.headers["Authorization"] = f"Bearer {key}"
    assert refused(page.post(PAGE_COMPLETIONS, json=HELLO)) == (404, "unknown_url")


def test_session__get__405(page: httpx.Client) -> None:
    assert refused(page.get(PAGE_COMPLETIONS)) == (405, "method_not_allowed")


def test_session__too_many__counts_for_the_user_and_for_no_key(session: Client) -> None:
    admitted: list[tuple[int, str]] = []

    async def admit(user_id: int, key: str) -> Admission:
        admitted.append((user_id, key))
        return Admission(False, {"Retry-After": "7"})

    with served(Chat(ConsoleBackend(), admit=admit)) as url, browser(url, session) as page:
        response = page.post(PAGE_COMPLETIONS, json=HELLO)
    ursula = User.objects.get(username="ursula").pk
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert admitted == [(ursula, "")]


def test_session__while_it_streams__no_connection_to_the_database(session: Client, model: ModelServer) -> None:
    pool: ConnectionPool[Any] = connections["default"].pool  # type: ignore[attr-defined]
    model.behaviour = model_server.wait_for_release
    used, body = in_use(pool), {**HELLO, "stream": True}
    with (
        served(Chat(upstream(model, LONG_DEADLINES))) as url,
        browser(url, session) as page,
        page.stream("POST", PAGE_COMPLETIONS, json=body) as answer,
    ):
        pieces = answer.iter_bytes()
        assert b"Hello " in next(pieces)
        wait_until(lambda: in_use(pool) == used)
        model.release_all()
        assert b"[DONE]" in b"".join(pieces)
