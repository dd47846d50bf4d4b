"""A person with nothing but a browser: from an archetype to a published personality, a mistake, and the way back."""

import re
from collections.abc import Iterator

import pytest
from httpx import Client
from playwright.sync_api import Page, expect

from tests.e2e.instance import Instance


@pytest.fixture
def api(instance: Instance) -> Iterator[Client]:
    with instance.http() as client:
        yield client


def test_admin__create_slide_publish_break_compare_roll_back(page: Page, api: Client) -> None:
    width = page.viewport_size["width"] if page.viewport_size else 0
    name = f"luna-{width}"
    prompt, radar = page.locator(".preview-prompt"), page.get_by_role("img", name=re.compile("Traits from 0 to 10"))

    page.goto("/admin/personalities/personality/add/")
    page.fill("[name=personality_name]", name)
    page.select_option("[name=archetype]", "curious_student")
    expect(prompt).to_contain_text("Curiosity 10 of 10")
    page.uncheck("[name=is_active]")
    page.locator("[data-for=id_humor_level]").fill("9")
    expect(prompt).to_contain_text("Humor 9 of 10")
    expect(radar).to_have_attribute("aria-label", re.compile("Humor 9"))
    page.click("[name=_continue]")
    assert api.get(f"/api/v1/personalities/{name}/").status_code == 404, "a draft is served to nobody"

    page.check("[name=is_active]")
    page.fill("[name=note]", "Ready.")
    page.click("[name=_continue]")
    good = api.get(f"/api/v1/personalities/{name}/").json()
    assert good["traits"]["humor_level"] == 9

    page.locator("[data-for=id_empathy_level]").fill("0")
    page.fill("[name=custom_instructions]", "Answer in one word.")
    page.fill("[name=note]", "A mistake.")
    page.click("[name=_continue]")
    assert api.get(f"/api/v1/personalities/{name}/").json()["traits"]["empathy_level"] == 0

    page.goto(page.url.replace("/change/", "/history/"))
    expect(page.locator(".history ol")).to_contain_text("admin: A mistake.")
    expect(page.locator("table.diff").first).to_contain_text("traits.empathy_level")
    expect(page.locator("table.prompts .new").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Roll back to version 2").click()
    expect(page.locator("body")).to_contain_text("It is again what it was in version 2")
    again = api.get(f"/api/v1/personalities/{name}/").json()
    assert {**again, "meta": None} == {**good, "meta": None}
    assert again["meta"]["version"] == 4


def test_admin__two_people_edit__the_second_is_told_and_keeps_what_was_typed(page: Page, api: Client) -> None:
    page.goto("/admin/personalities/personality/?q=nova")
    page.goto(page.locator("#result_list tbody a[href*='/change/']").first.get_attribute("href") or "")
    seen = api.get("/api/v1/personalities/nova/").json()
    level = (seen["traits"]["humor_level"] + 1) % 11
    api.patch("/api/v1/personalities/nova/", json={"traits": {"humor_level": level}})
    page.fill("[name=backstory]", "What I typed.")
    page.click("[name=_save]")
    expect(page.locator("body")).to_contain_text("was saved while you were editing")
    expect(page.locator("[name=backstory]")).to_have_value("What I typed.")
    page.get_by_role("link", name="See what changed").first.click()
    expect(page.locator("table.diff").first).to_contain_text("traits.humor_level")
