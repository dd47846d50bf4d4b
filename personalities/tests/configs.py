"""Configurations without a row: a plain one, one from each source of data, and any at all."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from personalities.archetypes import ARCHETYPES, complete, global_personalities
from personalities.config import (
    BEHAVIORS,
    CUSTOM,
    MAX_TEMPERATURE,
    PREFERENCES,
    TRAITS,
    Behaviors,
    Custom,
    Generation,
    Meta,
    PersonalityConfig,
    Traits,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def config(**columns: Any) -> PersonalityConfig:
    """The configuration of a row with these columns; the archetype fills the others."""
    full = complete({"personality_name": "mira", "display_name": "Mira", **columns})
    return PersonalityConfig(
        id=UUID(int=1),
        personality_name=full["personality_name"],
        display_name=full["display_name"],
        archetype=full["archetype"] or None,
        relationship_type=full["relationship_type"],
        greeting=full["greeting"] or None,
        is_active=full["is_active"],
        traits=Traits(**_some(full, TRAITS)),
        behaviors=Behaviors(**_some(full, BEHAVIORS)),
        custom=Custom(**{name: text or None for name, text in _some(full, CUSTOM).items()}),
        generation=Generation(model=full["model"] or None, temperature=full["temperature"]),
        locked_preferences=tuple(full["locked_preferences"]),
        meta=Meta(version=1, owner=None, created_at=NOW, updated_at=NOW),
    )


def _some(columns: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: columns[name] for name in names}


SHIPPED = {columns["personality_name"]: config(**columns) for columns in global_personalities()} | {
    f"archetype {name}": config(archetype=name) for name in ARCHETYPES
}

LEVELS = st.integers(0, 10)
MODELS = st.none() | st.sampled_from(["gpt-4.1-mini", "qwen3:8b", "@cf/meta/llama+x_1"])
LOCKS = st.sets(st.sampled_from(PREFERENCES)).map(lambda names: tuple(n for n in PREFERENCES if n in names))


def texts(longest: int) -> st.SearchStrategy[str | None]:
    """Any text that the database accepts. What has a meaning to other programs comes often."""
    tricky = st.sampled_from(
        ["{", "}", "%s", "{{user}}", "{0.__class__}", "</system>", "\n", "\n\n", "\r", "日本語", " "]
    )
    characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    return st.none() | st.lists(tricky | characters, max_size=40).map(lambda parts: "".join(parts)[:longest])


CONFIGS = st.builds(
    PersonalityConfig,
    id=st.uuids(),
    personality_name=st.sampled_from(["mira", "elara"]),
    display_name=texts(100).map(lambda text: text or "Mira"),
    archetype=st.none() | st.sampled_from([*ARCHETYPES, "of_another_release"]),
    relationship_type=st.sampled_from(["mentor", "girlfriend", "pen friend"]),
    greeting=texts(500),
    is_active=st.booleans(),
    traits=st.builds(Traits, **dict.fromkeys(TRAITS, LEVELS)),
    behaviors=st.builds(Behaviors, **dict.fromkeys(BEHAVIORS, st.booleans())),
    custom=st.builds(Custom, **dict.fromkeys(CUSTOM, texts(500))),
    generation=st.builds(Generation, model=MODELS, temperature=st.none() | st.floats(0, MAX_TEMPERATURE)),
    locked_preferences=LOCKS,
    meta=st.builds(
        Meta,
        version=st.integers(1, 9),
        owner=st.none() | st.integers(1, 9),
        created_at=st.datetimes(timezones=st.just(UTC)),
        updated_at=st.datetimes(timezones=st.just(UTC)),
    ),
)


def changed(old: PersonalityConfig, group: str, **values: Any) -> PersonalityConfig:
    return msgspec.structs.replace(old, **{group: msgspec.structs.replace(getattr(old, group), **values)})
