"""Somebody who is not staff signs in, talks, and signs out."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import SCHEMES, Scheme
from tests.browser.test_playground import check, choose, last, say
from tests.e2e.instance import Instance, dev

LOGIN = "/accounts/login/"
MAKE = "from django.contrib.auth.models import User; User.objects.create_user('ursula', password='right')"


@pytest.fixture(scope="module", autouse=True)
def _ursula(instance: Instance) -> None:
    made = dev("manage", "shell", "-c", MAKE, var=instance.var)
    assert made.returncode == 0, made.stderr


@pytest.fixture
def visitor(page: Page) -> Page:
    """A page that is no longer signed in."""
    page.wait_for_url("/admin/")
    page.context.clear_cookies()
    return page


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("Username").fill("ursula")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_login__not_staff__signs_in_talks_and_signs_out(visitor: Page) -> None:
    visitor.goto("/chat/")
    visitor.wait_for_url(f"{LOGIN}?next=/chat/")
    sign_in(visitor, "wrong")
    expect(visitor.get_by_role("alert")).to_contain_text("correct username and password")
    expect(visitor.get_by_label("Username")).to_have_value("ursula")
    sign_in(visitor, "right")
    visitor.wait_for_url("/chat/*/")
    choose(visitor, "elara")
    say(visitor, "Hello?")
    expect(last(visitor)).to_contain_text("[user]\nHello?")
    visitor.get_by_role("button", name="Sign out").click()
    visitor.wait_for_url(LOGIN)
    visitor.goto("/chat/")
    visitor.wait_for_url(f"{LOGIN}?next=/chat/")


def test_login__by_keyboard_alone__signed_in_and_out(visitor: Page) -> None:
    visitor.goto(LOGIN)
    expect(visitor.get_by_label("Username")).to_be_focused()
    visitor.keyboard.type("ursula")
    visitor.keyboard.press("Tab")
    visitor.keyboard.type("right")
    visitor.keyboard.press("Tab")
    visitor.keyboard.press("Space")
    visitor.wait_for_url("/chat/*/")
    for _ in range(5):
        visitor.keyboard.press("Tab")
    expect(visitor.get_by_role("button", name="Sign out")).to_be_focused()
    visitor.keyboard.press("Enter")
    visitor.wait_for_url(LOGIN)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_login__either_scheme__nothing_sideways_and_accessible(visitor: Page, scheme: Scheme) -> None:
    visitor.emulate_media(color_scheme=scheme)
    visitor.goto(LOGIN)
    check(visitor)
    sign_in(visitor, "wrong")
    expect(visitor.get_by_role("alert")).to_be_visible()
    check(visitor)
