"""Signing in and out in a browser."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db
LOGIN, LOGOUT = "/accounts/login/", "/accounts/logout/"
AFTER_LOGIN = "/chat/" if "chat" in settings.COMPANION_APPS else "/"
API = "/api/v1/archetypes/"


@pytest.fixture(autouse=True)
def ursula(user: User) -> User:
    """A user with a password, who is not staff."""
    user.set_password("right")
    user.save()
    return user


def attempt(name: str = "ursula", password: str = "right", path: str = LOGIN) -> Any:
    """Try to sign in, in a browser of its own."""
    return Client().post(path, {"username": name, "password": password})


def text(answer: Any) -> str:
    """The page without what differs between user names and sessions."""
    return re.sub(r'csrfmiddlewaretoken" value="\w+"|value="(ursula|nobody)"', "", answer.content.decode())


@pytest.fixture
def client(ursula: User) -> Client:
    """A browser in which ursula is signed in."""
    client = Client()
    client.force_login(ursula)
    return client


def test_login__somebody_who_is_not_staff__comes_to_the_playground_or_the_home_page() -> None:
    answer = attempt()
    assert (answer.status_code, answer["Location"]) == (302, AFTER_LOGIN)
    assert answer.cookies["sessionid"].value


def test_login__next__goes_there() -> None:
    assert attempt(path=f"{LOGIN}?next=/api/docs/%3Fa%3D1")["Location"] == "/api/docs/?a=1"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)", "http://[", "\x00", LOGIN],
)
def test_login__next_elsewhere_or_itself__goes_to_the_playground(client: Client, elsewhere: str) -> None:
    assert client.get(LOGIN, {"next": elsewhere})["Location"] == AFTER_LOGIN
    login = {"username": "ursula", "password": "right", "next": elsewhere}
    assert Client().post(LOGIN, login)["Location"] == AFTER_LOGIN


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"name": "nobody"}])
def test_login__wrong__says_the_same_whoever_it_is(change: dict[str, str]) -> None:
    answer = attempt(**change)
    assert answer.status_code == 200
    assert "enter a correct username and password" in text(answer)
    assert text(answer) == text(attempt(password="wrong"))
    assert "sessionid" not in answer.cookies


def test_login__inactive__says_the_same_as_to_nobody(ursula: User) -> None:
    ursula.is_active = False
    ursula.save()
    assert text(attempt()) == text(attempt("nobody"))


def test_login__nothing_filled_in__names_the_fields() -> None:
    page = attempt("", "").content.decode()
    for field in ("username", "password"):
        assert f'aria-describedby="id_{field}_error"' in page
        assert f'id="id_{field}_error"' in page


@pytest.mark.parametrize("name", ["ursula", "nobody"])
def test_login__ten_failures__locked_in_words_whoever_it_is(name: str) -> None:
    assert [attempt(name, "wrong").status_code for _ in range(10)] == [200] * 9 + [429]
    answer = attempt(name, path=f"{LOGIN}?next=/chat/")
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes" in text(answer)
    assert f'href="{LOGIN}?next=/chat/"' in text(answer)
    assert name not in answer.content.decode()
    assert "sessionid" not in answer.cookies


def test_login__failures_here_and_in_the_admin__one_count() -> None:
    said = [attempt(password="wrong", path=path).status_code for path in (LOGIN, "/admin/login/") * 5]
    assert said == [200] * 9 + [429]


def test_login__page__no_script_nor_style_in_it_and_never_kept() -> None:
    answer = Client().get(LOGIN)
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|(src|href)=\"(https?:)?//", answer.content.decode())
    policy = dict(rule.split(" ", 1) for rule in answer["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["form-action"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert "script-src" not in policy
    assert "no-store" in answer["Cache-Control"]


def test_login__what_was_sent__in_no_report_of_an_error() -> None:
    assert attempt(password="wrong").wsgi_request.sensitive_post_parameters == "__ALL__"


def test_login__without_token__403() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(LOGIN, {"username": "ursula", "password": "right"}).status_code == 403


def test_logout__post__signed_out_and_before_the_login(client: Client) -> None:
    assert client.get(API).status_code == 200
    assert client.post(LOGOUT)["Location"] == LOGIN
    assert client.get(API).status_code == 401


@pytest.mark.apps("chat")
def test_logout__then_the_playground__before_the_login(client: Client) -> None:
    assert client.get("/chat/").status_code == 200
    client.post(LOGOUT)
    assert client.get("/chat/")["Location"] == f"{LOGIN}?next=/chat/"


def test_logout__get_or_without_token__refused_and_still_signed_in(ursula: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ursula)
    assert (strict.get(LOGOUT).status_code, strict.post(LOGOUT).status_code) == (405, 403)
    assert strict.get(API).status_code == 200


def test_admin_login__without_next__comes_to_the_admin(staff: User) -> None:
    staff.set_password("right")
    staff.save()
    assert attempt("stella", path="/admin/login/")["Location"] == "/admin/"
    assert "staff account" in attempt(path="/admin/login/").content.decode()
