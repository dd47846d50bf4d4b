"""A person talks to a personality in the playground, as `dev.py run` starts it: the answer is the prompt."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_pages import SCHEMES, Scheme
from tests.e2e.instance import Instance

NASTY = "<img src=x onerror=alert(1)> {{ 7*7 }} & \u202e **bold**"


@pytest.fixture
def playground(page: Page) -> Page:
    page.goto("/chat/elara/")
    expect(page.locator(".intro h2")).to_have_text("Elara")
    expect(page.locator(".turn")).to_be_visible()
    return page


@pytest.fixture
def mira(instance: Instance) -> Iterator[str]:
    """A global personality whose texts are full of markup."""
    with instance.http() as client:
        mira = {"personality_name": "mira", "display_name": f"Mira {NASTY}", "greeting": NASTY}
        client.post("/api/v1/personalities/", json=mira | {"custom": {"backstory": NASTY}}).raise_for_status()
        yield "mira"
        client.delete("/api/v1/personalities/mira/").raise_for_status()


@pytest.fixture
def wishes(instance: Instance) -> Iterator[None]:
    """The preferences of the user who is signed in."""
    with instance.http() as client:
        client.patch("/api/v1/preferences/", json={"formality": "casual", "call_me": "Sam"}).raise_for_status()
        yield
        client.delete("/api/v1/preferences/").raise_for_status()


def say(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.keyboard.press("Enter")


def choose(page: Page, name: str, address: str = "") -> None:
    """Find the personality by the beginning of its name, and click on it: then the page has her address."""
    page.get_by_role("combobox", name="Personality").fill(name)
    page.locator(f"#found-{name}").click()
    page.wait_for_url(f"**/chat/{address or f'{name}/'}")


def last(page: Page) -> Locator:
    return page.locator(".turn.assistant .text").last


def talk(page: Page) -> list[dict[str, Any]]:
    """The messages as the page remembers them."""
    expect(page.locator("#send[hidden]")).to_have_count(0)
    return list(page.evaluate("JSON.parse(sessionStorage.getItem('companion-playground')).entries"))


def shows_error(page: Page, text: str) -> None:
    expect(page.get_by_role("alert")).to_contain_text(text)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def open_prompt(page: Page) -> Locator:
    page.get_by_role("button", name="Prompt").click()
    expect(page.locator("#prompt-state")).to_contain_text("tokens")
    return page.locator("#prompt")


def is_narrow(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_playground__said__answered_with_all_that_was_said_before(playground: Page) -> None:
    expect(last(playground)).to_contain_text("Come in, there is tea")
    say(playground, "Is this plan sound?")
    expect(last(playground)).to_contain_text("[user]\nIs this plan sound?")
    expect(playground.get_by_label("Message")).to_be_focused()
    expect(playground.get_by_label("Message")).to_have_value("")
    expect(last(playground)).to_contain_text("[assistant]\nCome in, there is tea")
    say(playground, "And now?")
    expect(playground.locator(".turn")).to_have_count(5)
    expect(last(playground)).to_contain_text("[assistant]\nNo language model was asked")
    expect(last(playground)).to_contain_text("[user]\nAnd now?")


def test_playground__prompt__is_what_is_sent_with_the_source_of_each_line(playground: Page, wishes: None) -> None:
    say(playground, "Hello?")
    panel = open_prompt(playground)
    expect(panel.locator(".part", has_text="Your name is Elara.").locator(".source")).to_have_text("display_name")
    expect(panel).to_contain_text("traits.humor_level")
    expect(panel).to_contain_text("preferences.formality = casual")
    panel.locator("summary").click()
    expect(panel.locator("dl div").first).to_be_visible()
    sections = [one.locator(".line").all_text_contents() for one in panel.locator("section").all()]
    shown = "\n\n".join("\n".join(parts) for parts in sections)
    assert f"[system]\n{shown}\n\n[assistant]" in talk(playground)[-1]["content"]


def test_playground__edited_meanwhile__the_panel_follows_with_the_next_message(
    playground: Page, instance: Instance
) -> None:
    panel = open_prompt(playground)
    level = instance.elara()["traits"]["humor_level"]
    wanted = 3 if level != 3 else 8
    instance.elara(traits={"humor_level": wanted})
    if playground.viewport_size and playground.viewport_size["width"] < 960:
        playground.get_by_role("button", name="Prompt").click()
        say(playground, "Hello?")
        playground.get_by_role("button", name="Prompt").click()
    else:
        say(playground, "Hello?")
    expect(panel).to_contain_text(f"Humor {wanted} of 10")


def test_playground__another_chosen__a_conversation_of_its_own(playground: Page) -> None:
    say(playground, "A secret between us.")
    expect(last(playground)).to_contain_text("A secret")
    choose(playground, "nova")
    expect(playground.locator(".turn")).to_have_count(1)
    say(playground, "Hello?")
    expect(last(playground)).to_contain_text("Your name is Nova.")
    expect(last(playground)).not_to_contain_text("A secret")
    playground.get_by_role("button", name="New").click()
    expect(playground.locator(".turn")).to_have_count(1)


def test_playground__nasty_texts__shown_as_they_are(playground: Page, mira: str) -> None:
    choose(playground, mira)
    drawn = NASTY.replace("**", "")
    expect(last(playground)).to_have_text(drawn)
    expect(last(playground).locator("strong")).to_have_text("bold")
    say(playground, NASTY)
    expect(playground.locator(".turn.user .text")).to_have_text(NASTY)
    expect(last(playground)).to_contain_text(f"[user]\n{drawn}")
    expect(open_prompt(playground)).to_contain_text(NASTY)
    assert playground.locator("main img").count() == 0
    assert is_narrow(playground)


def test_playground__by_keyboard_alone__chosen_said_and_prompt_seen(page: Page) -> None:
    page.goto("/chat/")
    reach(page, "personality")
    page.keyboard.type("no")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Nova")
    page.keyboard.press("Enter")
    expect(page.locator(".intro h2")).to_have_text("Nova")
    expect(page.get_by_label("Message")).to_be_focused()
    page.locator("body").click(position={"x": 2, "y": 2})
    reach(page, "prompt-button")
    page.keyboard.press("Space")
    expect(page.locator("#prompt-lines")).to_contain_text("Your name is Nova.")
    page.keyboard.press("Space")
    expect(page.locator("#prompt")).to_be_hidden()
    reach(page, "say")
    page.keyboard.type("One")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    expect(last(page)).to_contain_text("[user]\nOne\ntwo")


def reach(page: Page, id: str) -> None:
    for _ in range(14):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == id:
            return
    raise AssertionError(f"{id} is not reached")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_playground__either_scheme__nothing_sideways_and_accessible(playground: Page, scheme: Scheme) -> None:
    playground.emulate_media(color_scheme=scheme)
    check(playground)
    say(playground, f"Is this plan sound? {'x' * 200}")
    expect(last(playground)).to_contain_text("[user]")
    check(playground)
    playground.get_by_role("combobox", name="Personality").click()
    expect(playground.get_by_role("option").first).to_be_visible()
    check(playground)
    playground.keyboard.press("Escape")
    open_prompt(playground).locator("summary").click()
    check(playground)


@pytest.mark.parametrize("width", [320, 641, 700, 960])
def test_playground__other_widths__its_bar_is_one_line(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    page.goto("/chat/")
    assert is_narrow(page)
    assert page.locator("header").evaluate("bar => bar.clientHeight") < 64
    assert page.locator("#personality").evaluate("field => field.clientWidth") > 70


def check(page: Page) -> None:
    assert is_narrow(page)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "best-practice"]})
    assert not found.response["violations"], found.generate_report()


def test_playground__loads__from_nowhere_else(page: Page, instance: Instance) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/chat/")
    page.wait_for_load_state("networkidle")
    assert len(asked) >= 10
    assert all(url.startswith(f"{instance.url}/") for url in asked)
