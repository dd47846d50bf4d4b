"""The playground where a proxy serves the whole service below a path."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_playground import choose, last, open_prompt, say
from tests.e2e.instance import Instance


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    return {"GRANIAN_URL_PATH_PREFIX": "/below"}


@pytest.mark.parametrize("page", [1280], indirect=True, ids=["desktop"])
def test_below_a_path__everything_asked_is_below_it(page: Page, instance: Instance) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(instance.url)))
    page.goto("/below/chat/elara/")
    say(page, "Hello?")
    expect(last(page)).to_contain_text("[user]\nHello?")
    open_prompt(page)
    choose(page, "nova")
    page.get_by_role("switch", name="Keep on the server").check()
    say(page, "Hello?")
    expect(last(page)).to_contain_text("[user]\nHello?")
    expect(page.get_by_role("button", name="Send")).to_be_visible()  # reloaded earlier, the server would keep nothing
    page.reload()
    expect(last(page)).to_contain_text("[user]\nHello?")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="Talk to nova").click()
    page.wait_for_url("**/below/chat/nova/")
    page.get_by_role("link", name="Companion").click()
    page.get_by_role("link", name="Playground").click()
    page.wait_for_url("**/below/chat/**")
    page.wait_for_load_state("networkidle")  # what it still reads when the session ends would be answered with 401
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/below/accounts/login/")
    assert len(asked) > 30
    assert [address for address in asked if not address.startswith("/below/")] == []
