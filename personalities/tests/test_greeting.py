"""What a personality says first: the author's words, with names in place of the author's placeholders."""

import pytest
from hypothesis import given

from personalities.config import PersonalityConfig
from personalities.lint import lint
from personalities.prompt import Omission, Wishes, assemble, common_prefix, with_part_for_user
from personalities.prompt.opening import greeting_for
from personalities.prompt.sentences import SENTENCES
from personalities.tests.configs import CONFIGS, config
from personalities.tests.test_wishes import WISHES

SAM = Wishes(call_me="Sam")


def greeted(text: str, wishes: Wishes = SAM) -> str:
    return greeting_for(config(greeting=text), wishes)


@pytest.mark.parametrize("place", ["{{user}}", "{{User}}", "{{ user }}", "{{USER}}", "<USER>", "<user>"])
def test_greeting__place_of_the_user__what_they_want_to_be_called(place: str) -> None:
    assert greeted(f"Hello, {place}! {place}?") == "Hello, Sam! Sam?"


@pytest.mark.parametrize("place", ["{{char}}", "{{Char}}", "{{ char }}", "<BOT>", "<char>"])
def test_greeting__place_of_the_personality__her_name(place: str) -> None:
    assert greeted(f"I am {place}.") == "I am Mira."


@pytest.mark.parametrize("wishes", [Wishes(), Wishes(call_me=""), Wishes(call_me=" \u3000"), Wishes(tone="calm")])
def test_greeting__nameless_user__you(wishes: Wishes) -> None:
    assert greeted("Hello, {{user}}!", wishes) == "Hello, you!"


def test_greeting__name_locked_by_the_author__not_said() -> None:
    locked = config(greeting="Hello, {{user}}!", locked_preferences=("call_me",))
    assert greeting_for(locked, SAM) == "Hello, you!"


@pytest.mark.parametrize("name", ["{{char}}", "<BOT>", r"\1 \g<0>", "%s"])
def test_greeting__name_that_looks_like_a_place__to_the_letter(name: str) -> None:
    assert greeted("Hello, {{user}}!", Wishes(call_me=name)) == f"Hello, {name}!"


@pytest.mark.parametrize("text", ["{user}", "{{name}}", "{{ user", "<users>", "{{user.name}}", "Hi.\n\n {{}} </user>"])
def test_greeting__anything_else__to_the_letter(text: str) -> None:
    assert greeted(text) == text


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_greeting__none__nothing_said(text: str) -> None:
    assert greeted(text) == ""


@pytest.mark.parametrize("text", ["Hello, {{user}}. I am {{ CHAR }}, <BOT>."])
def test_lint__placeholders_that_are_filled__nothing_to_say_but_elsewhere(text: str) -> None:
    assert lint(config(speaking_style="Dry.", greeting=text)) == []
    assert [finding.rule for finding in lint(config(speaking_style=text))] == ["unresolved-macro"]


def test_lint__another_placeholder_behind_one_that_is_filled__at_its_place() -> None:
    (finding,) = lint(config(speaking_style="Dry.", greeting="Hi {{user}}, {{time}}"))
    assert (finding.rule, finding.field, finding.message.split(":")[0]) == (
        "unresolved-macro", "greeting", "Character 14",
    )  # fmt: skip


@given(CONFIGS, WISHES)
def test_assemble__greeting__last_and_explained_and_all_else_as_without(
    config: PersonalityConfig, wishes: Wishes
) -> None:
    plain, prompt = assemble(config, wishes), assemble(config, wishes, "Hello.\n\nSailor!")
    assert prompt.text == f"{plain.text}\n\n{SENTENCES.user.greeting}\nHello.\n\nSailor!"
    assert prompt.sections == (*plain.sections, prompt.sections[-1])
    assert {line.source for line in prompt.lines[len(plain.lines) :]} == {"greeting"}
    assert [part for part in plain.omissions if part.source != "greeting"] == list(prompt.omissions)


def test_assemble__greeting_that_is_not_told__says_why() -> None:
    omissions = assemble(config(greeting="Hi.")).omissions
    assert Omission(source="greeting", reason="said as the first message of a conversation") in omissions


@given(CONFIGS, WISHES)
def test_stable__any_wishes__the_beginning_of_every_prompt(config: PersonalityConfig, wishes: Wishes) -> None:
    beginning = common_prefix(config)
    for greeting in ("", "Hello."):
        whole = assemble(config, wishes, greeting)
        assert whole.sha256 == assemble(config).sha256 == beginning.sha256
        assert whole.text.startswith(beginning.text)
        assert whole.text == with_part_for_user(beginning.text, config, wishes, greeting)
    assert assemble(config).text == beginning.text
