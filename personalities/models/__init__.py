"""The models: personalities, and the versions they have been through."""

from personalities.models.personality import Personality, RelationshipType, archetype_choices
from personalities.models.version import Event, Version, authored

__all__ = ["Event", "Personality", "RelationshipType", "Version", "archetype_choices", "authored"]
