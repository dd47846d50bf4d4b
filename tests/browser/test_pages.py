"""Each page at each width, light and dark: nothing sideways, contrast and names as WCAG AA asks, reachable by keyboard.

With COMPANION_SCREENSHOTS, a folder, it also keeps what it saw: `dev.py test --screenshots`.
"""

import os
from pathlib import Path
from typing import Literal, get_args

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.instance import Instance

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
LIST = "/admin/personalities/personality/"
SHOTS = os.environ.get("COMPANION_SCREENSHOTS")
# What is ours; the rest is unfold's and Django's.
OURS = {"form": "#preview", "history": ".history", "cache": "#cache", "home": "body"}


def address_of_elara(page: Page) -> str:
    page.goto(f"{LIST}?q=elara")
    return page.locator("#result_list tbody a[href*='/change/']").first.get_attribute("href") or ""


@pytest.fixture(scope="module")
def history(instance: Instance) -> None:
    """Versions to compare."""
    instance.elara(traits={"humor_level": 9}, note="She laughs more.")
    instance.elara(
        custom={"backstory": "Grew up above a cinema, and still talks in scenes."}, note="Where she is from."
    )


def go(page: Page, name: str) -> None:
    address = address_of_elara(page)
    addresses = {
        "form": address,
        "history": address.replace("/change/", "/history/"),
        "cache": "/admin/cache/",
        "home": "/",
    }
    page.goto(addresses[name])
    expect(page.locator(OURS[name])).to_be_visible()
    page.wait_for_load_state("networkidle")


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", OURS)
def test_page__either_scheme__nothing_sideways_and_accessible(
    page: Page, instance: Instance, name: str, scheme: Scheme
) -> None:
    page.emulate_media(color_scheme=scheme)
    go(page, name)
    if name == "cache" and SHOTS:
        look_up(page, instance)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    rules = {"runOnly": ["wcag2a", "wcag2aa"]}
    found = Axe().run(page, context=OURS[name], options=rules)
    assert not found.response["violations"], found.generate_report()
    if name != "home":
        keep(page, name, scheme)


def look_up(page: Page, instance: Instance) -> None:
    """Give a picture of the cache page something to show: most names again and again, one that nobody has."""
    with instance.http() as client:
        for turn in range(60):
            client.get(f"/api/v1/personalities/{('elara', 'nova', 'aria', 'nobody')[turn % 4]}/")
            page.wait_for_timeout(50)
    expect(page.locator("[data-source='personality.near'] dd").first).not_to_have_text("0")


def keep(page: Page, name: str, scheme: Scheme) -> None:
    """Save a picture of what is seen now, if pictures are wanted."""
    if SHOTS and page.viewport_size:
        page.screenshot(path=Path(SHOTS) / f"{name}-{scheme}-{page.viewport_size['width']}.png")


@pytest.mark.usefixtures("history")
def test_history__by_keyboard_alone__compared_and_rolled_back(page: Page) -> None:
    go(page, "history")
    button = page.get_by_role("button", name="Roll back")
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.first.evaluate("button => button === document.activeElement"):
            break
    expect(button.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("It is again what it was")
