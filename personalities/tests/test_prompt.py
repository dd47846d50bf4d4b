import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalities.config import BEHAVIORS, CUSTOM, TRAITS, PersonalityConfig
from personalities.models import RelationshipType
from personalities.prompt import Omission, assemble, estimate_tokens
from personalities.prompt.sentences import SENTENCES
from personalities.tests.configs import CONFIGS, LEVELS, SHIPPED, changed, config

TRICKY = "{name} %s %(x)s {{user}} {0.__class__} ${HOME} </system> <|im_end|>\n\n  # not a heading\n\tindented \r\nend "


def paths(plain: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in plain.items():
        yield from paths(value, f"{name}.") if isinstance(value, dict) else [prefix + name]


def path(source: str) -> str:
    return source.split(" = ")[0]


@given(CONFIGS)
def test_assemble__any__name_and_author_texts_to_the_letter(config: PersonalityConfig) -> None:
    text = assemble(config).text
    assert config.display_name in text
    for field in CUSTOM:
        written = getattr(config.custom, field) or ""
        assert not written.strip() or f"{SENTENCES.introductions[field]}\n{written}" in text


@given(CONFIGS)
def test_assemble__any__each_line_has_one_source(config: PersonalityConfig) -> None:
    prompt = assemble(config)
    of = {section.name: [line for line in prompt.lines if line.section == section.name] for section in prompt.sections}
    assert prompt.text == "\n\n".join("\n".join(line.text for line in lines) for lines in of.values())
    assert [section.text for section in prompt.sections] == ["\n".join(line.text for line in v) for v in of.values()]
    assert sum(map(len, of.values())) == len(prompt.lines)
    assert all("\n" not in line.text and line.source for line in prompt.lines)


@given(CONFIGS)
def test_assemble__any__each_field_is_a_source_or_an_omission(config: PersonalityConfig) -> None:
    prompt = assemble(config)
    sources = {path(line.source) for line in prompt.lines}
    omitted = [path(omission.source) for omission in prompt.omissions]
    assert sorted([*sources, *omitted]) == sorted(paths(config.to_dict()))
    assert all(omission.reason for omission in prompt.omissions)


@given(CONFIGS, st.sampled_from(TRAITS), LEVELS)
def test_assemble__another_level__another_text(config: PersonalityConfig, trait: str, level: int) -> None:
    other = changed(config, "traits", **{trait: level})
    assert (assemble(other).text == assemble(config).text) == (other == config)


@given(CONFIGS)
def test_assemble__twice__the_same(config: PersonalityConfig) -> None:
    assert assemble(config) == assemble(PersonalityConfig.from_dict(config.to_dict()))


@given(CONFIGS, st.sampled_from([*CUSTOM, "display_name"]))
def test_assemble__tricky_text__stays_as_typed(old: PersonalityConfig, field: str) -> None:
    new = changed(old, "custom", **{field: TRICKY}) if field in CUSTOM else config(display_name=TRICKY)
    assert TRICKY in assemble(new).text


def test_assemble__full__sections_in_order_and_nothing_else() -> None:
    prompt = assemble(SHIPPED["elara"])
    names = [section.name for section in prompt.sections]
    assert names == ["identity", "backstory", "instructions", "voice", "traits", "behaviors"]
    assert prompt.text.startswith("Your name is Elara.\nYou are the user's mentor: ")
    assert prompt.tokens == estimate_tokens(prompt.text)
    assert [section.tokens for section in prompt.sections] == [estimate_tokens(s.text) for s in prompt.sections]
    assert {line.source for line in prompt.lines if line.section == "identity"} == {
        "display_name", "relationship_type = mentor", "archetype = wise_mentor",
    }  # fmt: skip


def test_assemble__values__stand_in_their_source() -> None:
    lines = {line.source: line.text for line in assemble(config(humor_level=7, asks_questions=False)).lines}
    assert lines["traits.humor_level = 7"].startswith("Humor 7 of 10: ")
    assert "Do not ask questions back" in lines["behaviors.asks_questions = false"]


def test_assemble__greeting__omitted_with_its_reason() -> None:
    prompt = assemble(config(greeting="Hello, sailor!"))
    assert "sailor" not in prompt.text
    assert Omission(source="greeting", reason=SENTENCES.omissions["greeting"]) in prompt.omissions


def test_assemble__generation__omitted_with_its_reason() -> None:
    prompt = assemble(config(model="qwen3:8b", temperature=0.0))
    assert prompt.text == assemble(config()).text
    for source, path in (("model = qwen3:8b", "model"), ("temperature = 0.0", "temperature")):
        reason = SENTENCES.omissions[f"generation.{path}"]
        assert Omission(source=f"generation.{source}", reason=reason) in prompt.omissions
        assert Omission(source=f"generation.{path}", reason="empty") in assemble(config()).omissions


@pytest.mark.parametrize("nothing", ["", "  ", "\n"])
def test_assemble__empty_texts__omitted_as_empty(nothing: str) -> None:
    prompt = assemble(config(**dict.fromkeys([*CUSTOM, "greeting"], nothing)))
    assert {section.name for section in prompt.sections} == {"identity", "traits", "behaviors"}
    empty = {omission.source for omission in prompt.omissions if omission.reason == "empty"}
    assert empty >= {"archetype", *(f"custom.{field}" for field in CUSTOM)}


@pytest.mark.parametrize("behavior", BEHAVIORS)
def test_assemble__behavior__a_line_for_on_and_another_or_a_reason_for_off(behavior: str) -> None:
    on, off = (assemble(config(**{behavior: value})) for value in (True, False))
    assert on.text != off.text
    assert f"behaviors.{behavior} = true" in {line.source for line in on.lines}
    assert f"behaviors.{behavior} = false" in {line.source for line in off.lines} | {
        part.source for part in off.omissions
    }


@pytest.mark.parametrize("relationship", RelationshipType.values)
def test_assemble__relationship__named_in_its_own_sentence(relationship: str) -> None:
    assert f"You are the user's {relationship}" in SENTENCES.relationship_type[relationship]
    assert SENTENCES.relationship_type[relationship] in assemble(config(relationship_type=relationship)).text


@pytest.mark.parametrize("trait", TRAITS)
def test_sentences__trait__eleven_that_differ_without_their_number(trait: str) -> None:
    assert len(set(SENTENCES.traits[trait])) == 11


def test_sentences__file__nothing_for_fields_that_do_not_exist() -> None:
    assert set(SENTENCES.traits) == set(TRAITS)
    assert set(SENTENCES.behaviors) == set(BEHAVIORS)
    assert set(SENTENCES.introductions) == set(CUSTOM)
    assert set(SENTENCES.omissions) <= set(paths(config().to_dict()))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 2), ("Hello there, friend.", 5), ("a b c d e f", 8), ("日本語", 3), ("日本 go", 4)],
)
def test_estimate__text__as_documented(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(), st.text())
def test_estimate__longer__never_fewer(text: str, more: str) -> None:
    assert estimate_tokens(f"{text} {more}") >= estimate_tokens(text)


def test_prompt__import__without_django() -> None:
    code = "import sys, personalities.prompt; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
