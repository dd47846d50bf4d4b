"""An instance of each file, and a browser that is signed in to its admin. Needs Chromium on PATH."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, StorageState, ViewportSize, sync_playwright

from chat.tests import model_server
from chat.tests.model_server import ModelServer
from tests.e2e.instance import Instance

# As root Chromium has no sandbox; the others keep it from looking for the internet.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    """Run a language model's server for the tests of one file."""
    with model_server.running() as server:
        yield server


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """Return the environment variables of the instance. A file that needs some overrides this."""
    return {}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, variables: dict[str, str]) -> Iterator[Instance]:
    """Run an instance for the tests of one file."""
    running = Instance(Path(tmp_path_factory.mktemp("browser")) / "var", extra=variables)
    try:
        yield running.wait_for_block()
    finally:
        running.stop()


def asking(model: ModelServer) -> dict[str, str]:
    """Return the variables of an instance that asks this language model, as often as tests like."""
    return {"LLM_BASE_URL": model.url, "LLM_MODEL": "big-model", "CHAT_RATE": "1000/minute"}


@pytest.fixture(scope="module")
def chromium(instance: Instance) -> Iterator[Browser]:
    """Run one Chromium for the tests of one file. The instance comes first: Playwright keeps the event loop busy."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def cookies(chromium: Browser, instance: Instance) -> StorageState:
    """Return what the browser keeps of somebody who has signed in: to verify a password takes half a second."""
    with chromium.new_page(base_url=instance.url) as page:
        sign_in(page, instance)
        return page.context.storage_state()


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def page(
    request: pytest.FixtureRequest, chromium: Browser, instance: Instance, cookies: StorageState
) -> Iterator[Page]:
    """A signed-in page in a window of its own. Whatever it writes to its console as an error fails the test."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    viewport: ViewportSize = {"width": request.param, "height": 900}
    with chromium.new_context(viewport=viewport, base_url=instance.url, storage_state=cookies) as context:
        page = context.new_page()
        page.on("console", note)
        page.goto("/admin/")
        if "/login/" in page.url:  # a test has signed out, which ends the session everywhere
            sign_in(page, instance)
        yield page
    assert not errors


def sign_in(page: Page, instance: Instance) -> None:
    """Sign in to the admin as its demo administrator."""
    page.goto("/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", instance.password)
    page.click("button[type=submit], input[type=submit]")
