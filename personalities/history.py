"""The versions of a personality: what they were, how they differ, and back to one of them."""

from difflib import unified_diff

from django.db.models import QuerySet

from personalities.comparison import Change, changes
from personalities.config import BEHAVIORS, CUSTOM, GENERATION, TRAITS, Frozen, PersonalityConfig
from personalities.models import Event, Personality, Version
from personalities.prompt import assemble

CONTENT = ("personality_name", "display_name", "archetype", "relationship_type", "greeting", "is_active", *TRAITS,
           *BEHAVIORS, *CUSTOM, *GENERATION, "locked_preferences")  # fmt: skip


class Difference(Frozen, frozen=True):
    """`prompt` is a unified diff of the assembled prompts, empty when they are the same."""

    changes: list[Change]
    prompt: str


def versions(personality: Personality) -> QuerySet[Version]:
    """The newest first."""
    return Version.objects.filter(personality=personality.pk).exclude(event=Event.DELETED)


def difference(before: PersonalityConfig, after: PersonalityConfig) -> Difference:
    old, new = (assemble(config).text.split("\n") for config in (before, after))
    names = [f"version {config.meta.version}" for config in (before, after)]
    lines = unified_diff(old, new, names[0], names[1], lineterm="")
    return Difference(changes=changes(before, after), prompt="\n".join(lines))


def as_it_was(personality: Personality, version: Version) -> Personality:
    """The same row with what it was in `version`, not yet saved. Whose it is stays."""
    was = version.as_personality()
    for name in CONTENT:
        setattr(personality, name, getattr(was, name))
    return personality
