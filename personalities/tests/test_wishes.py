"""A user's wishes in the prompt: they overrule the personality's own ways, and the author's locks overrule them."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalities.config import PREFERENCES, TRAITS, PersonalityConfig
from personalities.prompt import Omission, Wishes, assemble
from personalities.prompt.sentences import SENTENCES
from personalities.prompt.wishes import CHOICES, language_tag
from personalities.tests.configs import CONFIGS, SHIPPED, config, texts

LANGUAGES = st.sampled_from(["de", "en-GB", "zh-Hant-TW", "es-419", "tlh"])
WISHES = st.builds(
    Wishes,
    language=st.none() | LANGUAGES,
    call_me=texts(50),
    **{name: st.none() | st.sampled_from(values) for name, values in CHOICES.items()},
)
EVERY_WISH: list[tuple[str, Any]] = [*((name, value) for name, values in CHOICES.items() for value in values),
              ("language", "de"), ("language", "pt-BR"), ("language", "tlh"), ("call_me", "Sam")]  # fmt: skip


def wishing(name: str, value: Any) -> Wishes:
    return Wishes(**{name: value})


def said(config: PersonalityConfig, **wishes: Any) -> dict[str, str]:
    """What the user's section says, by source."""
    lines = assemble(config, Wishes(**wishes)).lines
    return {line.source: line.text for line in lines if line.section == "user"}


def omitted(config: PersonalityConfig, **wishes: Any) -> set[tuple[str, str]]:
    return {(part.source, part.reason) for part in assemble(config, Wishes(**wishes)).omissions}


def given_wishes(wishes: Wishes) -> Iterator[str]:
    return (name for name in PREFERENCES if (getattr(wishes, name) or "").strip())


@given(CONFIGS, WISHES)
def test_assemble__any_wishes__each_a_line_or_an_omission_and_locked_ones_no_line(
    config: PersonalityConfig, wishes: Wishes
) -> None:
    prompt = assemble(config, wishes)
    names = {name: name in config.locked_preferences for name in given_wishes(wishes)}
    lines = {line.source.split(" = ")[0] for line in prompt.lines if line.section == "user"}
    omissions = [part.source.split(" = ")[0] for part in prompt.omissions if part.source.startswith("preferences.")]
    spoken = {f"preferences.{name}" for name, locked in names.items() if not locked}
    assert lines == spoken | ({"preferences"} if spoken else set())
    assert sorted([*omissions, *spoken]) == sorted(f"preferences.{name}" for name in PREFERENCES)
    reasons = {part.source.split(" = ")[0]: part.reason for part in prompt.omissions}
    assert all(reasons[f"preferences.{name}"] == SENTENCES.user.locked for name, locked in names.items() if locked)


@given(CONFIGS, WISHES)
def test_assemble__any_wishes__after_all_else_and_all_else_as_without(
    config: PersonalityConfig, wishes: Wishes
) -> None:
    plain, prompt = assemble(config), assemble(config, wishes)
    assert prompt.lines[: len(plain.lines)] == plain.lines
    assert prompt.sections[: len(plain.sections)] == plain.sections
    assert prompt.omissions[: len(plain.omissions)] == plain.omissions
    assert {line.section for line in prompt.lines[len(plain.lines) :]} <= {"user"}
    assert prompt.text == "\n\n".join(section.text for section in prompt.sections)
    assert prompt == assemble(PersonalityConfig.from_dict(config.to_dict()), wishes)


@given(CONFIGS, WISHES)
def test_assemble__any_name__to_the_letter_under_a_line_of_ours(config: PersonalityConfig, wishes: Wishes) -> None:
    has_say = (wishes.call_me or "").strip() and "call_me" not in config.locked_preferences
    assert not has_say or f"{SENTENCES.user.call_me}\n{wishes.call_me}" in assemble(config, wishes).text


@pytest.mark.parametrize(("name", "value"), EVERY_WISH)
def test_wish__each__changes_the_prompt_and_names_its_value(name: str, value: Any) -> None:
    source = f"preferences.{name}" if name == "call_me" else f"preferences.{name} = {value}"
    assert source in said(config(), **{name: value})
    others = {assemble(config(), wishing(name, other)).text for key, other in EVERY_WISH if key == name}
    assert len(others) == sum(key == name for key, _ in EVERY_WISH)
    assert assemble(config()).text not in others


@pytest.mark.parametrize(("name", "value"), EVERY_WISH)
def test_wish__locked__not_said_but_why(name: str, value: Any) -> None:
    locked = config(locked_preferences=(name,))
    assert assemble(locked, wishing(name, value)).text == assemble(config()).text
    source = f"preferences.{name}" if name == "call_me" else f"preferences.{name} = {value}"
    assert (source, "locked by the author") in omitted(locked, **{name: value})


def test_wish__beside_a_locked_one__said() -> None:
    locked = config(locked_preferences=("tone",))
    assert set(said(locked, tone="calm", formality="casual")) == {"preferences", "preferences.formality = casual"}


def test_wish__against_a_trait__says_which_goes_first() -> None:
    (line,) = [text for source, text in said(config(formality_level=9), formality="casual").items() if " = " in source]
    assert line.endswith('This goes before "Formality 9 of 10" above.')
    assert "Formality 9 of 10: " in assemble(config(formality_level=9)).text


def test_wish__as_the_personality_is__says_no_more() -> None:
    text = said(config(formality_level=2), formality="casual")["preferences.formality = casual"]
    assert "before" not in text


def test_wish__against_two_traits__names_both() -> None:
    text = said(config(formality_level=0, humor_level=10), formality="formal")["preferences.formality = formal"]
    assert text.endswith('This goes before "Formality 0 of 10" and "Humor 10 of 10" above.')


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_wish__none__omitted_as_none(nothing: str | None) -> None:
    wishes = Wishes(call_me=nothing)
    assert assemble(config(), wishes).text == assemble(config()).text
    assert Omission(source="preferences.call_me", reason="no wish") in assemble(config(), wishes).omissions


def test_wish__of_another_release__omitted_as_unknown() -> None:
    wishes: Any = {"tone": "sarcastic"}
    assert not said(config(), **wishes)
    assert ("preferences.tone = sarcastic", SENTENCES.user.unknown) in omitted(config(), **wishes)


def test_locks__explained__without_a_user_too() -> None:
    locked = assemble(config(locked_preferences=("language", "tone")))
    assert "locked_preferences = language, tone" in {part.source for part in locked.omissions}
    assert Omission(source="locked_preferences", reason="empty") in assemble(SHIPPED["elara"]).omissions


def test_sentences__wishes__one_for_each_choice_and_traits_that_exist() -> None:
    assert {name: tuple(values) for name, values in SENTENCES.wishes.items()} == CHOICES
    ranges = [wish.against for values in SENTENCES.wishes.values() for wish in values.values()]
    assert {trait for against in ranges for trait in against} <= set(TRAITS)
    assert all(0 <= low <= high <= 10 for against in ranges for low, high in against.values())


def test_wishes__names__those_that_can_be_locked() -> None:
    assert Wishes.__struct_fields__ == PREFERENCES
    for name, values in CHOICES.items():
        for value in values:
            assert getattr(msgspec.convert({name: value}, Wishes), name) == value


@pytest.mark.parametrize(
    ("typed", "tag"),
    [("de", "de"), ("DE", "de"), ("pt-br", "pt-BR"), ("ZH-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")],
)
def test_language__any_case__one_spelling(typed: str, tag: str) -> None:
    assert language_tag(typed) == msgspec.convert({"language": language_tag(typed)}, Wishes).language == tag


@pytest.mark.parametrize(
    "typed", ["", "d", "german", "de_DE", "de-", "de\n", " de", "\u212bx", "d\u0131", "de-DE-x", "*"]
)
def test_language__no_tag__refused(typed: str) -> None:
    with pytest.raises(ValueError, match="BCP 47|language tag"):
        language_tag(typed)
