"""A person watches the cache page while a program looks personalities up."""

from playwright.sync_api import Locator, Page, expect

from tests.e2e.instance import Instance

CACHE = "/admin/cache/"
NUMBERS = f"**{CACHE}numbers/"
FORGET = "Forget elara, global"
HIDDEN = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def near(page: Page) -> Locator:
    return page.locator("[data-source='personality.near']")


def found(page: Page) -> int:
    return int(near(page).locator("dd").first.inner_text().replace(",", ""))


def test_cache_page__lookups__numbers_and_charts_follow_without_reload(page: Page, instance: Instance) -> None:
    instance.elara()
    page.goto(CACHE)
    page.evaluate("window.sameDocument = true")
    before = found(page)
    for _ in range(5):
        instance.elara()
    expect(near(page).locator("dd").first).to_have_text(f"{before + 5:,}")
    expect(near(page).get_by_role("img", name="Near, lookups in the last two minutes")).to_be_visible()
    assert page.evaluate("window.sameDocument")


def test_cache_page__forget_and_warm__copies_go_and_come(page: Page, instance: Instance) -> None:
    page.goto(CACHE)
    page.get_by_role("button", name="Warm all").click()
    expect(page.get_by_text("Warmed: 8")).to_be_visible()
    page.get_by_role("button", name=FORGET).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 keys forgotten (personality:global:elara).")).to_be_visible()
    expect(page.get_by_role("button", name=FORGET)).to_have_count(0)
    instance.elara()
    expect(page.get_by_role("button", name=FORGET)).to_be_visible()


def test_cache_page__forget_all__only_after_saying_so(page: Page) -> None:
    page.goto(CACHE)
    sure = page.get_by_role("button", name="Yes, forget all copies")
    expect(sure).to_be_hidden()
    page.get_by_text("Forget all copies…").focus()
    page.keyboard.press("Enter")
    sure.click()
    expect(page.get_by_text("keys forgotten (all personalities).")).to_be_visible()


def test_cache_page__live__focus_stays_on_its_button(page: Page, instance: Instance) -> None:
    instance.elara()
    page.goto(CACHE)
    button = page.get_by_role("button", name=FORGET)
    button.focus()
    for _ in range(2):
        with page.expect_response(NUMBERS):
            pass
    expect(button).to_be_focused()


def test_cache_page__any_width__no_sideways_scroll(page: Page, instance: Instance) -> None:
    instance.elara()
    page.goto(CACHE)
    page.get_by_text("Forget all copies…").click()
    expect(near(page).get_by_role("img")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_cache_page__hidden__asks_no_more_until_it_is_seen(page: Page) -> None:
    asked: list[str] = []
    page.clock.install()
    page.goto(CACHE)
    page.wait_for_load_state("networkidle")
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(HIDDEN, True)
    page.clock.run_for(60_000)
    assert not asked
    with page.expect_response(NUMBERS):
        page.evaluate(HIDDEN, False)


def test_cache_page__signed_out_meanwhile__says_so(page: Page) -> None:
    page.goto(CACHE)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.context.clear_cookies()
    expect(page.get_by_role("status").filter(has_text="sign in again")).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_hidden()


def test_cache_page__server_silent__says_so_until_it_answers(page: Page) -> None:
    page.route(NUMBERS, lambda route: None)
    page.goto(CACHE)
    silent = page.get_by_role("status").filter(has_text="the server does not answer")
    expect(silent).to_be_visible(timeout=15_000)
    page.unroute(NUMBERS)
    expect(silent).to_be_hidden(timeout=15_000)


def test_cache_page__without_scripts__shows_its_numbers(page: Page) -> None:
    browser = page.context.browser
    assert browser
    plain = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state(), base_url=page.url.partition("/admin")[0]
    ).new_page()
    plain.goto(CACHE)
    expect(plain.get_by_role("heading", name="Change feed")).to_be_visible()
    expect(plain.get_by_text("in touch", exact=True)).to_be_visible()
    expect(plain.get_by_text("Live", exact=True)).to_be_hidden()
