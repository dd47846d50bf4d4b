"""A person edits a personality in a real browser; a program reads the edit. Needs Chromium on PATH."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

from tests.e2e.instance import Instance

# As root Chromium has no sandbox; the others keep it from looking for the internet.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    running = Instance(Path(tmp_path_factory.mktemp("browser")) / "var")
    try:
        yield running.wait_for_block()
    finally:
        running.stop()


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, instance: Instance) -> Iterator[Page]:
    """A signed-in page. Whatever it writes to its console as an error fails the test."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "apt install chromium"
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": request.param, "height": 900}, base_url=instance.url)
        page.on("console", note)
        page.goto("/admin/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", instance.password)
        page.click("button[type=submit], input[type=submit]")
        yield page
        browser.close()
    assert not errors


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
