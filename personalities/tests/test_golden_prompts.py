"""300 prompts as they were last released.

A conversation keeps the prompt that it has; every other talk gets what is made today. So whoever changes one on purpose
says so in CHANGELOG.md. To write them anew:

    COMPANION_GOLDEN_PROMPTS=write python3 dev.py test personalities/tests/test_golden_prompts.py
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from personalities.archetypes import ARCHETYPES
from personalities.config import BEHAVIORS, CUSTOM, PREFERENCES, TRAITS, PersonalityConfig
from personalities.models import RelationshipType
from personalities.prompt import Wishes, assemble
from personalities.prompt.opening import greeting_for
from personalities.prompt.sentences import SENTENCES
from personalities.prompt.wishes import CHOICES
from personalities.tests.configs import SHIPPED, config
from tooling.environment import ROOT

FILE = Path(__file__).with_name("golden_prompts.json")
COUNT = 300
WHOLE = 4  # prompts that are in the file in full, to be looked at; of the others it has the SHA-256
TEXTS = (None, "Grew up above a cinema.", "Says\n\n- {{user}} 日本語\r\n", "  Dry and short. ", "x" * 400)
NAMES = (None, "Sam", "{{char}}", "Dr. O'Neil")
LANGUAGES = (None, "de", "pt-BR", "tlh", *SENTENCES.languages)
T = TypeVar("T")


def pick(number: int, what: str, among: Sequence[T]) -> T:
    """One of `among`: the same one in every release of Python, which `random` does not promise."""
    return among[int.from_bytes(hashlib.sha256(f"{number} {what}".encode()).digest()[:8]) % len(among)]


def personality(number: int) -> PersonalityConfig:
    if number < len(SHIPPED):
        return list(SHIPPED.values())[number]
    columns: dict[str, Any] = {trait: pick(number, trait, range(11)) for trait in TRAITS}
    columns |= {name: pick(number, name, [True, False]) for name in BEHAVIORS}
    columns |= {name: pick(number, name, TEXTS) or "" for name in CUSTOM}
    return config(
        archetype=pick(number, "archetype", ["", *ARCHETYPES]),
        relationship_type=pick(number, "relationship", [*RelationshipType.values, "pen friend"]),
        locked_preferences=[name for name in PREFERENCES if pick(number, f"lock {name}", range(8)) == 0],
        greeting="Hello, {{user}}, I am <BOT>.",
        **columns,
    )


def wishes(number: int) -> Wishes:
    chosen = {name: pick(number, f"wish {name}", (None, *values)) for name, values in CHOICES.items()}
    call_me, language = pick(number, "call_me", NAMES), pick(number, "language", LANGUAGES)
    return msgspec.convert({**chosen, "call_me": call_me, "language": language}, Wishes)


def prompts() -> Iterator[tuple[str, str]]:
    """Names of personalities and wishes with the prompts of these: with wishes or not, with the greeting or not."""
    for number in range(COUNT):
        who, user = personality(number), wishes(number) if number % 3 else Wishes()
        greeting = greeting_for(who, user) if number % 5 == 4 else ""
        yield f"{number:03} {who.personality_name}", assemble(who, user, greeting).text


def golden() -> dict[str, Any]:
    made = dict(prompts())
    return {
        "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in made.items()},
        "text": {name: made[name].split("\n") for name in list(made)[:: COUNT // WHOLE]},
    }


def written(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def edition(text: str) -> str:
    """The name that CHANGELOG.md has for this set of prompts."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def test_golden__made_today__as_released() -> None:
    made = golden()
    if os.environ.get("COMPANION_GOLDEN_PROMPTS") == "write":
        FILE.write_text(written(made), encoding="utf-8")
    released = json.loads(FILE.read_text(encoding="utf-8"))
    changed = [name for name, sha256 in made["sha256"].items() if released["sha256"].get(name) != sha256]
    assert not changed, (
        f"{len(changed)} of {COUNT} prompts are not what they were, the first is {changed[0]}. If that is meant, write "
        f"them anew (see {Path(__file__).name}), look at `git diff {FILE.name}`, and tell in CHANGELOG.md what changes "
        "for talks that are not pinned."
    )
    assert made == released


def test_golden__their_edition__in_the_changelog() -> None:
    """No release may change a prompt without saying so."""
    name = edition(FILE.read_text(encoding="utf-8"))
    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"golden prompts `{name}`" in told, (
        f"CHANGELOG.md does not name these prompts. Say under Unreleased what changes, with: golden prompts `{name}`."
    )


def test_golden__every_sentence__in_one_of_them() -> None:
    """A sentence that is in none of the prompts could change unnoticed."""
    texts = "\n".join(text for _, text in prompts())
    sentences = [sentence for levels in SENTENCES.traits.values() for sentence in levels]
    sentences += [*SENTENCES.relationship_type.values(), *SENTENCES.introductions.values()]
    sentences += [said for switch in SENTENCES.behaviors.values() for said in (switch.on, switch.off) if said]
    sentences += [wish.say for values in SENTENCES.wishes.values() for wish in values.values()]
    sentences += [archetype.description for archetype in ARCHETYPES.values()]
    sentences += [SENTENCES.user.introduction, SENTENCES.user.call_me, SENTENCES.user.greeting]
    assert [sentence for sentence in sentences if sentence not in texts] == []
