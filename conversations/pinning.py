"""Pins a conversation to one version of a personality."""

from django.contrib.auth.models import User

from conversations.models import Conversation
from personalities.config import PersonalityConfig
from personalities.models import Event, Personality, Version


class PersonalityGone(Exception):
    """The personality is deleted, inactive, or no longer visible to the user."""


def start(owner: User, config: PersonalityConfig, title: str = "") -> Conversation:
    """Creates a conversation pinned to the version that `config` is of."""
    conversation = Conversation(owner=owner, title=title)
    _pin(conversation, config)
    conversation.save(force_insert=True)
    return conversation


def config_of(conversation: Conversation) -> PersonalityConfig:
    """The personality in the version the conversation is pinned to, even if it has been edited or deleted since."""
    pinned = {"personality": conversation.personality_id, "number": conversation.personality_version}
    versions = Version.objects.filter(**pinned).exclude(event=Event.DELETED)
    # The latest, because a personality that was deleted and restored may have had this number twice.
    return versions.latest("id").to_config()


def upgrade(conversation: Conversation) -> None:
    """Pins the conversation to the personality's current version. Raises PersonalityGone."""
    rows = Personality.objects.visible_to(conversation.owner).filter(pk=conversation.personality_id, is_active=True)
    if (row := rows.first()) is None:
        raise PersonalityGone
    if row.version != conversation.personality_version:
        _pin(conversation, row.to_config())
        conversation.save(update_fields=["personality_name", "personality_version", "updated_at"])


def _pin(conversation: Conversation, config: PersonalityConfig) -> None:
    conversation.personality_id = config.id
    conversation.personality_name = config.personality_name
    conversation.personality_version = config.meta.version
