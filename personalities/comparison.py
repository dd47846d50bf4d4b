"""What differs between two configurations."""

from typing import Any

from personalities.config import Frozen, PersonalityConfig

APART = frozenset({"id", "meta"})  # whose it is and when, not how it is


class Change(Frozen, frozen=True):
    """`field` is a dotted path in the configuration, `traits.humor_level`."""

    field: str
    before: Any
    after: Any


def changes(before: PersonalityConfig, after: PersonalityConfig) -> list[Change]:
    """The fields that differ, in the order of the configuration."""
    old, new = _flat(before), _flat(after)
    return [Change(field=field, before=old[field], after=new[field]) for field in new if old[field] != new[field]]


def _flat(config: PersonalityConfig) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.to_dict().items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": each for key, each in value.items() if name not in APART}
        elif name not in APART:
            flat[name] = value
    return flat
