"""The models: personalities, and the versions they have been through."""

from personalities.models.personality import NAME_CONSTRAINT, Personality, RelationshipType, archetype_choices
from personalities.models.version import Event, Version, authored

__all__ = ["NAME_CONSTRAINT", "Event", "Personality", "RelationshipType", "Version", "archetype_choices", "authored"]
