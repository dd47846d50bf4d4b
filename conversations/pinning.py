"""Which version of a personality a conversation is with."""

from typing import Any

from conversations.models import Conversation
from personalities.config import PersonalityConfig
from personalities.models import Event, Personality, Version


class PersonalityGone(Exception):
    """It is deleted, inactive, or not for this user any more."""


def start(owner: Any, config: PersonalityConfig, title: str = "") -> Conversation:
    """A new conversation, pinned to what `config` is."""
    conversation = Conversation(owner=owner, title=title)
    _pin(conversation, config)
    conversation.save(force_insert=True)
    return conversation


def config_of(conversation: Conversation) -> PersonalityConfig:
    """The personality as it was in the version to which the conversation is pinned, whatever has become of it."""
    pinned = {"personality": conversation.personality_id, "number": conversation.personality_version}
    versions = Version.objects.filter(**pinned).exclude(event=Event.DELETED)
    return versions.latest("id").to_config()  # one that was deleted and put back may have counted the same twice


def upgrade(conversation: Conversation) -> None:
    """Pin it to the personality's current version. Raises PersonalityGone."""
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
