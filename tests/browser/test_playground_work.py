"""The playground as a workbench: reload, ask again, change what was said, see what it cost, keep it on the server."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chat.tests import model_server
from chat.tests.model_server import ModelServer, Writer
from tests.browser.conftest import asking
from tests.browser.test_playground import check, choose, last, open_prompt, say, shows_error, talk
from tests.e2e.instance import Instance

USAGE = {"prompt_tokens": 1204, "completion_tokens": 56, "total_tokens": 1260}


async def count_up(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Answers with the number of the request, and with the usage if it is asked for that."""
    server.counts["asked"] += 1
    usage = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": USAGE}
    counted = f"data: {json.dumps(usage)}\n\n".encode() if request.get("stream_options") else b""
    pieces = (model_server.chunk(f"Answer {server.counts['asked']}."), model_server.chunk("", "stop"), counted)
    await model_server.streaming(*pieces, b"data: [DONE]\n\n")(server, writer, request)


@pytest.fixture(scope="module")
def variables(model: ModelServer) -> dict[str, str]:
    return asking(model)


@pytest.fixture
def playground(page: Page, model: ModelServer) -> Page:
    model.behaviour = count_up
    model.counts.clear()
    model.release.clear()
    page.goto("/chat/elara/")
    return page


def sent(model: ModelServer) -> list[tuple[str, str]]:
    """What the model was sent last, after the prompt."""
    return [(message["role"], message["content"]) for message in model.requests[-1][1]["messages"][1:]]


def answered(page: Page, text: str) -> None:
    expect(last(page)).to_have_text(text)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


GREETING = "Come in, there is tea, though I have let it go cold again."


def test_greeting__first_message__heard_by_the_model(playground: Page, model: ModelServer) -> None:
    expect(playground.locator(".turn.assistant")).to_contain_text(GREETING)
    expect(playground.get_by_role("button", name="Regenerate")).to_have_count(0)
    say(playground, "Hello?")
    answered(playground, "Answer 1.")
    first, second = sent(model)
    assert (first[0], first[1][: len(GREETING)], second) == ("assistant", GREETING, ("user", "Hello?"))


def test_reload__choice_talk_and_draft__are_as_before(playground: Page, model: ModelServer) -> None:
    choose(playground, "nova")
    say(playground, "Hello?")
    answered(playground, "Answer 1.")
    playground.get_by_label("Message").fill("half a sent")
    playground.reload()
    expect(playground.get_by_role("combobox", name="Personality")).to_have_value("Nova")
    answered(playground, "Answer 1.")
    expect(playground.get_by_label("Message")).to_have_value("half a sent")
    assert playground.url.endswith("/chat/nova/")
    playground.goto("/chat/")
    answered(playground, "Answer 1.")
    say(playground, "And now?")
    answered(playground, "Answer 2.")
    assert [text for _, text in sent(model)][1:] == ["Hello?", "Answer 1.", "And now?"]
    playground.goto("/chat/?personality=elara")
    expect(playground.locator(".turn")).to_have_count(1)
    expect(playground.get_by_role("combobox", name="Personality")).to_have_value("Elara")


def test_reload__while_she_answers__asked_again_on_demand(playground: Page, model: ModelServer) -> None:
    model.behaviour = model_server.wait_for_release
    say(playground, "Hello?")
    expect(last(playground)).to_have_text("Hello ")
    playground.reload()
    shows_error(playground, "The answer was interrupted.")
    model.behaviour = count_up
    playground.get_by_role("button", name="Try again").click()
    answered(playground, "Answer 1.")


def test_sign_out__nothing_is_left_for_the_next_user(playground: Page, instance: Instance) -> None:
    say(playground, "A secret.")
    answered(playground, "Answer 1.")
    with playground.context.new_page() as beside:
        beside.goto("/chat/nova/")
        playground.get_by_role("button", name="Sign out").click()
        playground.wait_for_url("/accounts/login/")
        beside.wait_for_url("/accounts/login/?next=/chat/nova/")
        assert beside.evaluate("sessionStorage.length") == 0
    assert playground.evaluate("sessionStorage.length") == 0
    playground.go_back()
    expect(playground.get_by_text("A secret.")).to_have_count(0)


def test_other_user__in_the_same_tab__sees_nothing_of_the_talk(playground: Page) -> None:
    say(playground, "A secret.")
    answered(playground, "Answer 1.")
    saved = playground.evaluate("sessionStorage.getItem('companion-playground')")
    playground.evaluate("text => sessionStorage.setItem('other', text)", saved.replace('"user":"', '"user":"9'))
    playground.goto("/")  # a page without our script
    playground.evaluate("sessionStorage.setItem('companion-playground', sessionStorage.getItem('other'))")
    playground.goto("/chat/elara/")
    expect(playground.locator(".turn")).to_have_count(1)
    assert "A secret." not in playground.evaluate("sessionStorage.getItem('companion-playground')")


def test_regenerate__the_last_answer__another_in_its_place(playground: Page, model: ModelServer) -> None:
    say(playground, "Hello?")
    answered(playground, "Answer 1.")
    playground.get_by_role("button", name="Regenerate").click()
    answered(playground, "Answer 2.")
    expect(playground.locator(".turn")).to_have_count(3)
    assert [text for _, text in sent(model)][1:] == ["Hello?"]


def test_edit__what_was_said__sent_anew_without_what_followed(playground: Page, model: ModelServer) -> None:
    for number, text in enumerate(["Helo?", "And now?"], 1):
        say(playground, text)
        answered(playground, f"Answer {number}.")
    playground.get_by_role("button", name="Edit").first.click()
    field = playground.get_by_label("Edit your message")
    expect(field).to_have_value("Helo?")
    check(playground)
    playground.keyboard.press("Escape")
    expect(field).to_have_count(0)
    playground.get_by_role("button", name="Edit").first.click()
    field.fill("Hello?")
    playground.locator(".editing").get_by_role("button", name="Send").click()
    answered(playground, "Answer 3.")
    expect(playground.locator(".turn")).to_have_count(3)
    assert [text for _, text in sent(model)][1:] == ["Hello?"]


def test_cost__usage_and_times__below_the_answer(playground: Page, model: ModelServer) -> None:
    say(playground, "Hello?")
    answered(playground, "Answer 1.")
    facts = playground.locator(".turn .facts").last
    expect(facts).to_contain_text(
        re.compile(r"^56 tokens, 1,204 in the prompt · \d\.\d s, the first word after \d\.\d s")
    )
    model.behaviour = model_server.answer  # which does not count
    say(playground, "And now?")
    answered(playground, "Hello there.")
    expect(playground.locator(".turn .facts").last).to_contain_text("about 3 tokens (estimated) · ")


def test_log__longer_than_the_window__stays_at_its_end(playground: Page) -> None:
    for number in range(1, 7):
        say(playground, f"Question {number}?")
        answered(playground, f"Answer {number}.")
    expect(playground.get_by_role("button", name="Regenerate")).to_be_in_viewport()
    expect(playground.locator(".facts").last).to_be_in_viewport()


def piece(**more: Any) -> bytes:
    """A part of a streamed tool call."""
    choice = {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "call_1", **more}]}, "finish_reason": None}
    value = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(value)}\n\n".encode()


PIECES: dict[str, list[Any]] = {
    "once": [{"name": "weather", "arguments": ""}, {"arguments": '{"place": '}, {"arguments": '"<b>Bern</b>"}'}],
    "repeated": [{"name": "weather", "arguments": text} for text in ('{"place": ', '"<b>Bern</b>"}')],
    "nothing": [{"name": "weather", "arguments": '{"place": "<b>Bern</b>"}'}, None],
}


@pytest.mark.parametrize("way", PIECES)
def test_tool_calls__streamed_in_pieces__legible(playground: Page, model: ModelServer, way: str) -> None:
    pieces = [piece(type="function", function=function) for function in PIECES[way]]
    model.behaviour = model_server.streaming(*pieces, model_server.chunk("", "tool_calls"), b"data: [DONE]\n\n")
    say(playground, "Is it raining?")
    call = playground.locator(".call")
    expect(call.locator("summary")).to_have_text("Calls weather")
    expect(call.locator("pre")).to_have_text('{\n  "place": "<b>Bern</b>"\n}')
    check(playground)
    model.behaviour = count_up
    say(playground, "Well?")
    answered(playground, "Answer 1.")


def keep(page: Page) -> None:
    page.get_by_role("switch", name="Keep on the server").check()


def test_keep__switched_on__reopened_from_the_list(playground: Page, model: ModelServer, instance: Instance) -> None:
    keep(playground)
    say(playground, f"What do you keep of me? {playground.viewport_size}")
    answered(playground, "Answer 1.")
    expect(playground.get_by_role("switch", name="Keep on the server")).to_be_disabled()
    say(playground, "And now?")
    answered(playground, "Answer 2.")
    assert [role for role, _ in sent(model)][-3:] == ["user", "assistant", "user"]
    playground.reload()
    answered(playground, "Answer 2.")
    expect(playground.get_by_text("Kept on the server, with version")).to_be_visible()
    expect(playground.get_by_role("button", name="Regenerate")).to_have_count(0)
    address = playground.url
    playground.get_by_role("button", name="New").click()
    assert "conversation=" not in playground.url
    playground.get_by_role("button", name="Kept ones").click()
    row = playground.get_by_role("dialog").get_by_role("button", name="What do you keep of me?").first
    expect(row).to_be_visible()
    check(playground)
    row.click()
    answered(playground, "Answer 2.")
    assert playground.url == address
    with instance.http() as client:
        id = address.partition("conversation=")[2]
        kept = client.get(f"/api/v1/conversations/{id}/messages/").json()["results"]
    assert [one["content"] for one in kept][-3:] == ["Answer 1.", "And now?", "Answer 2."]
    shown = [one.text_content() for one in playground.locator(".turn .text").all()]
    assert shown == [one["content"] for one in kept]


def keep_until_second_answer(playground: Page, model: ModelServer) -> None:
    """A kept talk, in whose second answer the model has begun and waits."""
    keep(playground)
    say(playground, "Hello?")
    answered(playground, "Answer 1.")
    model.behaviour = model_server.wait_for_release
    say(playground, "And now?")
    expect(last(playground)).to_have_text("Hello ")


def test_keep__a_message_that_nobody_answered__is_not_said_again(
    playground: Page, model: ModelServer, instance: Instance
) -> None:
    with instance.http() as client:
        made = client.post("/api/v1/conversations/", json={"personality": "elara", "greeting": False}).json()["id"]
        said = {"role": "user", "content": "Before."}
        client.post(f"/api/v1/conversations/{made}/messages/", json=said).raise_for_status()
        playground.goto(f"/chat/elara/?conversation={made}")
        expect(playground.locator(".turn.user .text").last).to_have_text("Before.")
        expect(playground.get_by_label("Message")).to_have_value("")
        say(playground, "And now?")
        answered(playground, "Answer 1.")
        playground.reload()
        answered(playground, "Answer 1.")
        expect(playground.get_by_label("Message")).to_have_value("")
        kept = client.get(f"/api/v1/conversations/{made}/messages/").json()["results"]
    assert [message["content"] for message in kept] == ["Before.", "And now?", "Answer 1."]


def test_keep__stopped__what_was_not_kept_is_taken_back(playground: Page, model: ModelServer) -> None:
    keep_until_second_answer(playground, model)
    playground.get_by_role("button", name="Stop").click()
    expect(playground.get_by_label("Message")).to_have_value("And now?")
    answered(playground, "Answer 1.")


def test_keep__reloaded_while_she_answers__what_was_said_is_in_the_field(playground: Page, model: ModelServer) -> None:
    keep_until_second_answer(playground, model)
    playground.reload()
    answered(playground, "Answer 1.")
    expect(playground.get_by_label("Message")).to_have_value("And now?")


def test_keep__an_emoji_where_its_title_ends__kept(playground: Page) -> None:
    keep(playground)
    say(playground, "a" * 59 + "\N{PARTY POPPER} and so on")
    answered(playground, "Answer 1.")


TOOL = "get_the_weather_" + "x" * 48  # no name is longer


def test_keep__tools_images_and_prompts_of_another_client__shown(
    playground: Page, model: ModelServer, instance: Instance
) -> None:
    with instance.http() as client:
        id = client.post("/api/v1/conversations/", json={"personality": "elara"}).json()["id"]
        call = {"id": "c1", "type": "function", "function": {"name": TOOL, "arguments": '{"place":"Bern"}'}}
        body = {"object": "chat.completion", "id": "c", "created": 1, "model": "m", "usage": USAGE}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        answer = body | {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
        model.behaviour = model_server.status("200 OK", json.dumps(answer).encode())
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        asked = {"role": "user", "content": [{"type": "text", "text": "Is it raining there?"}, image]}
        tools = [{"type": "function", "function": {"name": TOOL}}]
        turn = {"model": "elara", "metadata": {"conversation": id}, "tools": tools}
        client.post("/v1/chat/completions", json=turn | {"messages": [asked]}).raise_for_status()
        model.behaviour = model_server.answer
        told = {"role": "tool", "tool_call_id": "c1", "content": "Rain, 7 degrees"}
        client.post("/v1/chat/completions", json=turn | {"messages": [told]}).raise_for_status()
    playground.goto(f"/chat/elara/?conversation={id}")
    answered(playground, "Hello there.")
    expect(playground.locator(".turn.user")).to_contain_text("Is it raining there?")
    expect(playground.locator(".turn.user .calls")).to_have_text("image_url")
    expect(playground.locator(".call summary")).to_have_text(f"Calls {TOOL}")
    heading = playground.locator(".turn.tool h3")
    expect(heading).to_have_text(f"Result of {TOOL}")
    assert heading.evaluate("it => it.scrollWidth <= it.parentElement.clientWidth")
    expect(playground.locator(".turn.tool .text")).to_have_text("Rain, 7 degrees")
    expect(playground.locator(".prompt-sha").last).to_have_attribute("title", re.compile("^[0-9a-f]{64}$"))
    check(playground)


def test_keep__personality_edited_meanwhile__the_prompt_it_is_pinned_to_is_shown(
    playground: Page, instance: Instance
) -> None:
    level = instance.elara()["traits"]["humor_level"]
    keep(playground)
    say(playground, "Hello?")
    answered(playground, "Answer 1.")
    instance.elara(traits={"humor_level": 3 if level != 3 else 8})
    panel = open_prompt(playground)
    expect(panel).to_contain_text("Pinned to version")
    expect(panel).to_contain_text(f"Humor {level} of 10")
    expect(panel.locator(".source").first).to_have_text("display_name")
    check(playground)
    playground.reload()
    expect(open_prompt(playground)).to_contain_text(f"Humor {level} of 10")
    playground.get_by_role("button", name="New").click()
    expect(panel).to_contain_text(f"Humor {3 if level != 3 else 8} of 10")
    expect(panel).not_to_contain_text("Pinned to version")


def test_search__among_thousands__as_one_types(playground: Page, instance: Instance) -> None:
    expect(playground.get_by_role("option")).to_have_count(0)
    field = playground.get_by_role("combobox", name="Personality")
    field.click()
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(playground.get_by_role("group", name="Everybody's").get_by_role("option")).to_have_count(8)
    playground.keyboard.type("nobody at all")
    expect(playground.locator("#found")).to_contain_text("Nobody has a name that begins so.")
    playground.keyboard.press("Escape")
    expect(field).to_have_value("Elara")
    expect(playground.locator("#found")).to_be_hidden()
    playground.keyboard.press("ArrowDown")
    playground.keyboard.press("ArrowDown")
    expect(playground.get_by_role("option", selected=True)).to_have_count(1)
    marked = field.get_attribute("aria-activedescendant")
    playground.keyboard.press("Enter")
    playground.wait_for_url(f"**/chat/{(marked or '').removeprefix('found-')}/")


def test_editor__leads_here_and_back(playground: Page) -> None:
    playground.get_by_role("link", name="Edit").click()
    playground.wait_for_url("**/admin/personalities/personality/*/change/")
    playground.get_by_role("link", name="Talk to elara").click()
    playground.wait_for_url("**/chat/elara/")


def test_page__of_a_name_that_an_address_has_too__is_hers(playground: Page, instance: Instance) -> None:
    with instance.http() as client:
        client.post("/api/v1/personalities/", json={"personality_name": "completions"}).raise_for_status()
    choose(playground, "completions", address="?personality=completions")
    keep(playground)
    say(playground, "Hello?")
    answered(playground, "Answer 1.")
    assert "/chat/?personality=completions&conversation=" in playground.url
    playground.reload()
    answered(playground, "Answer 1.")
    expect(playground.get_by_role("combobox", name="Personality")).to_have_value("Completions")
    with instance.http() as client:
        client.delete("/api/v1/personalities/completions/").raise_for_status()


def test_composer__on_a_phone_too__reachable_and_nothing_sideways(playground: Page) -> None:
    say(playground, "Hello?")
    answered(playground, "Answer 1.")
    check(playground)
    for name in ("Send", "Kept ones", "New", "Prompt", "Sign out", "Regenerate", "Edit"):
        expect(playground.get_by_role("button", name=name).first).to_be_in_viewport()
    assert talk(playground)[-1]["content"] == "Answer 1."
