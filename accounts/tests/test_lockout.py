"""Passwords cannot be guessed: after ten failures for one user from one address, that pair must wait."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"


def attempt(name: str, password: str, address: str = "192.0.2.1", **headers: Any) -> Any:
    """Try to log in, in a browser of its own without cookies."""
    return Client(REMOTE_ADDR=address, **headers).post(LOGIN, {"username": name, "password": password})


def fail(times: int, **others: Any) -> list[int]:
    return [attempt("stella", "wrong", **others).status_code for _ in range(times)]


@pytest.fixture(autouse=True)
def _password(staff: User) -> None:
    staff.set_password("right")
    staff.save()


def test_login__ten_failures__locked_though_the_password_is_right() -> None:
    assert fail(10) == [200] * 9 + [429]
    response = attempt("stella", "right")
    assert (response.status_code, response["Retry-After"]) == (429, "900")
    assert "sessionid" not in response.cookies
    assert "Try again in 15 minutes" in response.content.decode()


def test_login__nine_failures__the_right_password_lets_in_and_ends_the_count() -> None:
    assert fail(9) == [200] * 9
    assert attempt("stella", "right").status_code == 302
    assert fail(9) == [200] * 9


@pytest.mark.parametrize("seconds", [899, 901])
def test_login__locked_for_15_minutes__then_let_in(seconds: int) -> None:
    fail(12)  # those during the lock do not make it longer
    for row in AccessAttempt.objects.all():
        AccessAttempt.objects.filter(pk=row.pk).update(attempt_time=row.attempt_time - timedelta(seconds=seconds))
    assert attempt("stella", "right").status_code == (302 if seconds > 900 else 429)


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_USER_AGENT"])
def test_login__header_that_changes_each_time__locked_all_the_same(header: str) -> None:
    said = [attempt("stella", "wrong", **{header: f"10.0.0.{n}"}).status_code for n in range(10)]
    assert said[-1] == 429
    assert attempt("stella", "right", **{header: "10.0.0.99"}).status_code == 429


def test_login__another_user_or_another_address__not_locked() -> None:
    User.objects.create_user("otto", password="right", is_staff=True)
    fail(10)
    assert attempt("otto", "right").status_code == 302
    assert attempt("stella", "right", address="192.0.2.2").status_code == 302


def test_login__redis_away__locked_all_the_same(own_redis: SupervisedServer) -> None:
    own_redis.stop()
    assert fail(10)[-1] == 429


def test_login__what_is_noted__no_password() -> None:
    attempt("stella", "hunter2")
    assert "hunter2" not in str(AccessAttempt.objects.values().get())


@pytest.mark.parametrize("name", ["", "\x00", "x" * 100_000, "%s", "st\x00ella", "٠"])
def test_login__name_of_nobody__the_page_again(name: str) -> None:
    assert attempt(name, "wrong").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_api_key__its_user_locked_out__let_in_without_a_query_more(
    staff: User, client_of: Callable[[User], APIClient], django_assert_num_queries: Any
) -> None:
    fail(10)
    client = client_of(staff)
    assert client.get("/api/v1/archetypes/", REMOTE_ADDR="192.0.2.1").status_code == 200
    with django_assert_num_queries(0):
        assert client.get("/api/v1/archetypes/", REMOTE_ADDR="192.0.2.1").status_code == 200


def test_session__cookie__not_for_scripts_nor_for_other_sites(settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True  # as HTTPS_ONLY makes them
    session = attempt("stella", "right").cookies["sessionid"]
    assert (session["secure"], session["httponly"], session["samesite"]) == (True, True, "Lax")
    csrf = Client().get(LOGIN).cookies["csrftoken"]
    assert (csrf["secure"], csrf["samesite"]) == (True, "Lax")


def test_settings__behind_https__cookies_are_secure() -> None:
    assert settings.SESSION_COOKIE_SECURE is settings.CSRF_COOKIE_SECURE is settings.HTTPS_ONLY
