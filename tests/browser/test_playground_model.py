"""The playground in front of a language model that is slow, broken, absent or asked too often."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from chat.tests import model_server
from chat.tests.model_server import ModelServer
from tests.browser.conftest import asking
from tests.browser.test_playground import choose, last, say, shows_error
from tests.e2e.instance import Instance
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def variables(model: ModelServer) -> dict[str, str]:
    return asking(model)


@pytest.fixture
def playground(page: Page, instance: Instance, model: ModelServer) -> Page:
    """Another window: in `page` an error in the console fails the test, and Chromium writes each bad status there."""
    model.behaviour = model_server.answer
    model.release.clear()
    browser, state = page.context.browser, page.context.storage_state()
    assert browser
    context = browser.new_context(storage_state=state, viewport=page.viewport_size, base_url=instance.url)
    second = context.new_page()
    second.goto("/chat/elara/")
    return second


def said(model: ModelServer) -> list[str]:
    """What the model was sent last, after the prompt and her greeting."""
    return [message["content"] for message in model.requests[-1][1]["messages"][2:]]


def try_again(page: Page) -> None:
    page.get_by_role("button", name="Try again").click()
    expect(last(page)).to_have_text("Hello there.")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".turn")).to_have_count(3)


def test_playground__streams__each_piece_as_it_comes(playground: Page, model: ModelServer) -> None:
    model.behaviour = model_server.wait_for_release
    say(playground, "Hello?")
    expect(last(playground)).to_have_text("Hello ")
    expect(playground.get_by_role("log")).to_have_attribute("aria-busy", "true")
    model.release_all()
    expect(last(playground)).to_have_text("Hello there.")
    expect(playground.get_by_role("log")).to_have_attribute("aria-busy", "false")


@pytest.mark.parametrize("way", ["button", "Escape"])
def test_playground__stop__the_model_is_let_go_and_what_was_said_stays(
    playground: Page, model: ModelServer, way: str
) -> None:
    model.behaviour = model_server.wait_for_release
    say(playground, "Hello?")
    expect(last(playground)).to_have_text("Hello ")
    if way == "button":
        playground.get_by_role("button", name="Stop").click()
    else:
        playground.keyboard.press("Escape")
    expect(playground.get_by_text("Stopped.")).to_be_visible()
    expect(playground.get_by_label("Message")).to_be_focused()
    wait_until(lambda: model.connections == 0, 2)
    model.behaviour = model_server.answer
    say(playground, "Go on.")
    expect(last(playground)).to_have_text("Hello there.")
    assert [message["role"] for message in model.requests[-1][1]["messages"]] == [
        "system", "assistant", "user", "assistant", "user",
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["button", "Escape"])
def test_playground__stop_before_the_first_word__taken_back_into_the_box(
    playground: Page, model: ModelServer, way: str
) -> None:
    model.behaviour = model_server.silent
    say(playground, "Helo?")
    expect(playground.get_by_role("log")).to_have_attribute("aria-busy", "true")
    playground.get_by_role("button", name="Stop").click() if way == "button" else playground.keyboard.press("Escape")
    expect(playground.locator(".turn")).to_have_count(1)
    expect(playground.get_by_label("Message")).to_have_value("Helo?")
    expect(playground.get_by_label("Message")).to_be_focused()
    model.behaviour = model_server.answer
    say(playground, "Hello?")
    expect(last(playground)).to_have_text("Hello there.")
    assert said(model) == ["Hello?"]


def test_playground__stop_with_the_next_message_begun__that_stays(playground: Page, model: ModelServer) -> None:
    model.behaviour = model_server.silent
    say(playground, "Hello?")
    playground.keyboard.type("Or rather")
    playground.keyboard.press("Escape")
    expect(playground.locator(".turn")).to_have_count(1)
    expect(playground.get_by_label("Message")).to_have_value("Or rather")


def test_playground__another_message_after_a_failure__both_in_one(playground: Page, model: ModelServer) -> None:
    model.behaviour = model_server.streaming(model_server.chunk("Hel"), then=model_server.reset)
    say(playground, "Hello?")
    shows_error(playground, "answer was broken")
    model.behaviour = model_server.answer
    say(playground, "Are you there?")
    expect(last(playground)).to_have_text("Hello there.")
    expect(playground.get_by_role("alert")).to_have_count(0)
    expect(playground.locator(".turn")).to_have_count(4)
    assert said(model) == ["Hello?\n\nAre you there?"]


def test_playground__another_chosen_meanwhile__the_model_is_let_go(playground: Page, model: ModelServer) -> None:
    model.behaviour = model_server.wait_for_release
    say(playground, "Hello?")
    expect(last(playground)).to_have_text("Hello ")
    model.behaviour = model_server.answer
    choose(playground, "nova")
    wait_until(lambda: model.connections == 0, 2)
    say(playground, "Hello?")
    expect(last(playground)).to_have_text("Hello there.")
    assert said(model) == ["Hello?"]


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (
            model_server.status("429 Too Many", more="Retry-After: 7\r\n"),
            "The language model accepts no more requests right now. Try again in",
        ),
        (model_server.status("401 Unauthorized"), "refuses Companion's own key (401). You are signed in"),
        (model_server.status("404 Not Found"), "does not know the model"),
        (model_server.streaming(model_server.chunk("Hel"), then=model_server.reset), "answer was broken"),
    ],
)
def test_playground__model_fails__said_in_words_and_tried_again(
    playground: Page, model: ModelServer, behaviour: model_server.Behaviour, text: str
) -> None:
    model.behaviour = behaviour
    say(playground, "Hello?")
    shows_error(playground, text)
    model.behaviour = model_server.answer
    try_again(playground)


def test_playground__empty_answer__says_so(playground: Page, model: ModelServer) -> None:
    model.behaviour = model_server.streaming(model_server.chunk("", "stop"))
    say(playground, "Hello?")
    expect(playground.get_by_text("The answer was empty.")).to_be_visible()


def test_playground__too_often__says_so(playground: Page) -> None:
    told = '{"error": {"message": "Too many requests: try again later."}}'
    playground.route("**/chat/completions", lambda route: route.fulfill(status=429, body=told))
    say(playground, "Hello?")
    shows_error(playground, "Too many requests. Try again in a moment.")


def test_playground__server_away__said_in_words_and_tried_again(playground: Page) -> None:
    playground.route("**/chat/completions", lambda route: route.abort())
    say(playground, "Hello?")
    shows_error(playground, "The server does not answer.")
    playground.unroute("**/chat/completions")
    try_again(playground)


def test_playground__signed_out_meanwhile__signs_in_beside_and_goes_on(playground: Page, instance: Instance) -> None:
    playground.context.clear_cookies(name="sessionid")
    say(playground, "Hello?")
    shows_error(playground, "You are signed out of Companion. Sign in, then try again: your draft stays.")
    with playground.context.expect_page() as opened:
        playground.get_by_role("link", name="Sign in").click()
    login = opened.value
    sign_in_here(login, instance)
    login.wait_for_url("/chat/elara/")
    try_again(playground)
    playground.get_by_role("button", name="Sign out").click()
    playground.wait_for_url("/accounts/login/")


def test_playground__signed_out_in_the_admin__every_action_says_so_and_the_draft_stays(
    playground: Page, instance: Instance
) -> None:
    playground.get_by_label("Message").fill("half a sent")
    with playground.context.new_page() as admin:
        admin.goto("/admin/")
        admin.locator("#logout-form").evaluate("form => form.requestSubmit()")
        expect(admin.locator("#logout-form")).to_have_count(0)
    playground.get_by_role("button", name="Prompt").click()
    offers_to_sign_in(playground.locator("#prompt"))
    playground.get_by_role("button", name="Prompt").click()
    playground.get_by_role("button", name="Kept ones").click()
    offers_to_sign_in(playground.get_by_role("dialog"))
    playground.keyboard.press("Escape")
    for _ in range(2):
        playground.get_by_role("combobox", name="Personality").click()
        offers_to_sign_in(playground.get_by_role("alert"))
        expect(playground.locator("#found")).to_be_hidden()
    expect(playground.get_by_label("Message")).to_have_value("half a sent")
    playground.get_by_role("switch", name="Keep on the server").check()
    playground.get_by_role("button", name="Send").click()
    expect(playground.get_by_role("button", name="Try again")).to_be_visible()
    offers_to_sign_in(playground.get_by_role("alert"))
    playground.reload()
    sign_in_here(playground, instance)
    try_again(playground)
    assert playground.locator(".turn.user .text").all_text_contents() == ["half a sent"]


def offers_to_sign_in(place: Locator) -> None:
    expect(place).to_contain_text("You are signed out of Companion. Sign in, then try again: your draft stays.")
    expect(place.get_by_role("link", name="Sign in")).to_have_attribute("href", "/accounts/login/?next=/chat/elara/")


def sign_in_here(page: Page, instance: Instance) -> None:
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", instance.password)
    page.click("button[type=submit], input[type=submit]")


def test_playground__personality_gone__says_so(playground: Page, instance: Instance) -> None:
    with instance.http() as client:
        client.patch("/api/v1/personalities/elara/", json={"is_active": False}).raise_for_status()
        say(playground, "Hello?")
        shows_error(playground, "This personality no longer exists.")
        client.patch("/api/v1/personalities/elara/?owner=global", json={"is_active": True}).raise_for_status()


def test_playground__too_long__says_so(playground: Page) -> None:
    playground.locator("#say").evaluate("node => node.removeAttribute('maxlength')")  # else it takes seventy messages
    for number in range(1, 4):
        say(playground, "x" * 300_000)
        expect(playground.locator(".turn .text")).to_have_count(2 * number + 1)
        expect(last(playground)).to_have_text("Hello there.")
        expect(playground.get_by_role("button", name="Send")).to_be_visible()
    say(playground, "x" * 300_000)
    shows_error(playground, "This conversation has become too long.")


def test_keep__answer_lost_on_its_way__told_again_and_not_made_again(playground: Page, model: ModelServer) -> None:
    playground.get_by_role("switch", name="Keep on the server").check()
    before = len(model.requests)
    playground.route("**/chat/completions", lambda route: (route.fetch(), route.abort()))
    say(playground, "Hello?")
    shows_error(playground, "The server does not answer.")
    playground.unroute("**/chat/completions")
    try_again(playground)
    assert len(model.requests) == before + 1


def test_playground__offline__says_so(playground: Page) -> None:
    playground.context.set_offline(True)
    say(playground, "Hello?")
    shows_error(playground, "You are offline.")
    playground.context.set_offline(False)
    try_again(playground)


def test_playground__token_gone__reloaded_and_the_talk_is_there(playground: Page) -> None:
    playground.context.clear_cookies(name="csrftoken")
    say(playground, "Hello?")
    shows_error(playground, "no longer valid")
    playground.get_by_role("button", name="Reload").click()
    try_again(playground)


def test_playground__model_counts_no_tokens_of_streams__asked_without(playground: Page, model: ModelServer) -> None:
    refusal = model_server.status("400 Bad Request", b'{"error": {"message": "Unknown parameter: stream_options."}}')

    async def behaviour(server: ModelServer, writer: model_server.Writer, request: dict[str, Any]) -> None:
        await (refusal if "stream_options" in request else model_server.answer)(server, writer, request)

    model.behaviour = behaviour
    say(playground, "Hello?")
    expect(last(playground)).to_have_text("Hello there.")
    expect(playground.locator(".facts").last).to_contain_text("(estimated)")


def test_playground__nobody_of_that_name__another_can_be_found(playground: Page) -> None:
    playground.goto("/chat/nobody/")
    expect(playground.get_by_text("No active personality is named nobody.")).to_be_visible()
    expect(playground.get_by_label("Message")).to_be_disabled()
    choose(playground, "nova")
    expect(playground.get_by_text("No active personality")).to_have_count(0)
    say(playground, "Hello?")
    expect(last(playground)).to_have_text("Hello there.")
