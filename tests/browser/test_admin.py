"""A person edits a personality in a real browser; a program reads the edit."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.instance import Instance


def open_elara(page: Page) -> None:
    page.goto("/admin/personalities/personality/?q=elara")
    page.goto(page.locator("#result_list tbody a[href*='/change/']").first.get_attribute("href") or "")
    expect(page.locator("#preview pre")).to_contain_text('"personality_name": "elara"')


def test_admin__slider_moved__panel_follows_and_the_api_after_saving(page: Page, instance: Instance) -> None:
    before = instance.elara()["traits"]["humor_level"]
    wanted = 9 if before != 9 else 2
    open_elara(page)
    slider = page.locator("[data-for=id_humor_level]")
    slider.fill(str(wanted))
    expect(page.locator("#preview pre")).to_contain_text(f'"humor_level": {wanted}')
    expect(page.get_by_role("img", name=f"Humor {wanted}")).to_be_visible()
    assert instance.elara()["traits"]["humor_level"] == before, "a preview saves nothing"
    page.click("[name=_save]")
    page.wait_for_url("**/personality/**")
    assert instance.elara()["traits"]["humor_level"] == wanted


@pytest.mark.parametrize("path", ["/admin/personalities/personality/", "/", "/api/docs/"])
def test_page__any_width__no_sideways_scroll(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_form__any_width__no_sideways_scroll(page: Page) -> None:
    open_elara(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
