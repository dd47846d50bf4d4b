"""The playground with a talk in it, as the README shows it: a model's server of our own answers in character."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chat.tests import model_server
from chat.tests.model_server import ModelServer, Writer
from tests.browser.conftest import asking
from tests.browser.test_pages import SCHEMES, Scheme, keep
from tests.browser.test_playground import is_narrow, last, open_prompt, say

TALK = {
    "I want to leave my job in spring and open a bakery. Is this plan sound?": (
        "The bread is sound. It is the first winter that I would tap with a hammer: how many loaves a day must you "
        "sell to be warm in January?"
    ),
    "Forty. I can bake sixty.": (
        "Then it carries more than it must, which is all I ever asked of a bridge. Draw me the week in which the oven "
        "breaks, and I will stop worrying."
    ),
}


async def in_character(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    answer = TALK[request["messages"][-1]["content"]]
    await model_server.streaming(model_server.chunk(answer), model_server.chunk("", "stop"), b"data: [DONE]\n\n")(
        server, writer, request
    )


@pytest.fixture(scope="module")
def variables(model: ModelServer) -> dict[str, str]:
    model.behaviour = in_character
    return asking(model)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_playground__a_talk__stays_beside_the_prompt_where_there_is_room(page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/chat/elara/")
    for question, answer in TALK.items():
        say(page, question)
        expect(last(page)).to_have_text(answer)
    if page.viewport_size and page.viewport_size["width"] > 960:
        open_prompt(page)
        expect(last(page)).to_be_visible()
    assert is_narrow(page)
    keep(page, "playground", scheme)
