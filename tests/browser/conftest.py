"""An instance of each file, and a browser that is signed in to its admin. Needs Chromium on PATH."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from tests.e2e.instance import Instance

# As root Chromium has no sandbox; the others keep it from looking for the internet.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Run an instance for the tests of one file."""
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
