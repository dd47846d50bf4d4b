"""The models: personalities, and the versions they have been through."""

from personalities.models.personality import NAME_CONSTRAINT, Personality, RelationshipType, archetype_choices
from personalities.models.version import SAME_OR_REFUSED, Event, Pruning, Version, authored

__all__ = [
    "NAME_CONSTRAINT",
    "SAME_OR_REFUSED",
    "Event",
    "Personality",
    "Pruning",
    "RelationshipType",
    "Version",
    "archetype_choices",
    "authored",
]
