"""The versions of a personality: what it was, how two of them differ, and the way back to one."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from personalities.comparison import FieldChange, changes, unified
from personalities.config import BEHAVIORS, CUSTOM, GENERATION, TRAITS, Frozen, PersonalityConfig
from personalities.models import Event, Personality, Version
from personalities.prompt import assemble

# The columns that a rollback restores: everything that an author writes, but not the owner.
CONTENT = ("personality_name", "display_name", "archetype", "relationship_type", "greeting", "is_active", *TRAITS,
           *BEHAVIORS, *CUSTOM, *GENERATION, "locked_preferences")  # fmt: skip


class Difference(Frozen, frozen=True):
    """What differs between two versions; `prompt` is a unified diff of the assembled prompts, "" if they are equal."""

    changes: list[FieldChange]
    prompt: str


def versions(personality: Personality) -> QuerySet[Version]:
    """The versions of `personality`, the newest first, without those that only record a deletion."""
    return Version.objects.filter(personality=personality.pk).exclude(event=Event.DELETED)


def versions_for(user: AbstractBaseUser | AnonymousUser, personality: Personality) -> QuerySet[Version]:
    """The versions of `personality` that `user` may see: all for staff, else those written under its present owner.

    So a personality that changes hands does not reveal texts, notes or names of its former owner.
    """
    found = versions(personality)
    return found if getattr(user, "is_staff", False) else found.filter(state__owner_id=personality.owner_id)


def difference(before: PersonalityConfig, after: PersonalityConfig) -> Difference:
    """What changed from one configuration to another. The diff of their prompts names them by their versions."""
    names = (f"version {before.meta.version}", f"version {after.meta.version}")
    prompt = unified(assemble(before).text, assemble(after).text, names)
    return Difference(changes=changes(before, after), prompt=prompt)


def restore(personality: Personality, version: Version) -> Personality:
    """Set `personality` to what it was in `version`, without saving it. Its owner stays."""
    was = version.as_personality()
    for name in CONTENT:
        setattr(personality, name, getattr(was, name))
    return personality
