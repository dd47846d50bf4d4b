"""Pins a conversation to one version of a personality, and to the prompt that this release makes of it."""

from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from conversations import prompts, turns
from conversations.models import Conversation, EarlierPrompt, Role
from conversations.turns import Draft
from personalities.config import PersonalityConfig
from personalities.models import Event, Personality, Version
from personalities.prompt import CommonPrefix, Wishes, common_prefix
from personalities.prompt.opening import greeting_for


class PersonalityGone(Exception):
    """The personality is deleted, inactive, or no longer visible to the user."""


class Pin(NamedTuple):
    """What a conversation is pinned to."""

    version: int
    prompt: CommonPrefix


class Upgrade(NamedTuple):
    """What an upgrade would change."""

    before: Pin
    after: Pin


@transaction.atomic
def start(owner: User, config: PersonalityConfig, title: str = "", *, greeting: bool = True) -> Conversation:
    """Creates a conversation pinned to the version that `config` is of. It begins with the personality's greeting."""
    conversation = Conversation(owner=owner, title=title)
    _pin(conversation, config, common_prefix(config))
    conversation.save(force_insert=True)
    if greeting and (words := greeting_for(config, _wishes(owner))):
        (message,) = turns.append(conversation, [Draft(Role.ASSISTANT, words)]).messages
        conversation.updated_at = message.created_at
    return conversation


def config_of(conversation: Conversation) -> PersonalityConfig:
    """The personality in the version the conversation is pinned to, even if it has been edited or deleted since."""
    pinned = {"personality": conversation.personality_id, "number": conversation.personality_version}
    versions = Version.objects.filter(**pinned).exclude(event=Event.DELETED)
    # The latest, because a personality that was deleted and restored may have had this number twice.
    return versions.latest("id").to_config()


def prompt_of(conversation: Conversation, config: PersonalityConfig) -> CommonPrefix:
    """The prompt the conversation is pinned to, whatever this release would make of `config`, the version it has.

    A conversation that an older release has begun since the database was migrated is pinned now.
    """
    if conversation.prompt_id is None:
        _pin_now(conversation, config)
    return prompts.load(conversation.prompt_id)


def shown_prompt(conversation: Conversation, config: PersonalityConfig) -> CommonPrefix:
    """The prompt the conversation is pinned to, or to which it would be pinned if it were answered now. Pins nothing.

    Raises Prompt.DoesNotExist if the conversation was deleted meanwhile.
    """
    return prompts.load(conversation.prompt_id) if conversation.prompt_id else common_prefix(config)


def prompts_of(conversation: Conversation) -> list[str]:
    """The SHA-256 of each prompt that it has or had, the present one last."""
    earlier = conversation.earlier_prompts.exclude(prompt=conversation.prompt_id).order_by("id")
    present = [conversation.prompt_id] if conversation.prompt_id else []
    return [*earlier.values_list("prompt", flat=True), *present]


def preview(conversation: Conversation) -> Upgrade:
    """What `upgrade` would do, without doing it. Raises PersonalityGone."""
    before, after = config_of(conversation), _current(conversation)
    pinned = Pin(conversation.personality_version, shown_prompt(conversation, before))
    return Upgrade(pinned, Pin(after.meta.version, common_prefix(after)))


def upgrade(conversation: Conversation) -> None:
    """Pins the conversation to the personality's current version, and to the prompt that this release makes of it.

    Raises PersonalityGone.
    """
    config = _current(conversation)
    prompt = common_prefix(config)
    if (config.meta.version, prompt.sha256) != (conversation.personality_version, conversation.prompt_id):
        _pin_anew(conversation, config, prompt)


def _current(conversation: Conversation) -> PersonalityConfig:
    rows = Personality.objects.visible_to(conversation.owner).filter(pk=conversation.personality_id, is_active=True)
    if (row := rows.first()) is None:
        raise PersonalityGone
    return row.to_config()


def _pin(conversation: Conversation, config: PersonalityConfig, prompt: CommonPrefix) -> None:
    prompts.keep(prompt)
    conversation.personality_id = config.id
    conversation.personality_name = config.personality_name
    conversation.personality_version = config.meta.version
    conversation.prompt_id = prompt.sha256


@transaction.atomic
def _pin_anew(conversation: Conversation, config: PersonalityConfig, prompt: CommonPrefix) -> None:
    """The prompt that it had stays for the messages that name it, once, however often it had it."""
    if (earlier := conversation.prompt_id) and earlier != prompt.sha256:
        row = EarlierPrompt(conversation=conversation, prompt_id=earlier)
        EarlierPrompt.objects.bulk_create([row], ignore_conflicts=True)
    _pin(conversation, config, prompt)
    conversation.save(update_fields=["personality_name", "personality_version", "prompt", "updated_at"])


@transaction.atomic
def _pin_now(conversation: Conversation, config: PersonalityConfig) -> None:
    """To the prompt of the version that it has, unless somebody else was first. Raises Conversation.DoesNotExist.

    An older release may have upgraded it since `config` was read.
    """
    found = Conversation.objects.select_for_update(no_key=True).get(pk=conversation.pk)
    if found.prompt_id is None:
        prompt = common_prefix(config if config.meta.version == found.personality_version else config_of(found))
        prompts.keep(prompt)
        Conversation.objects.filter(pk=found.pk).update(prompt=prompt.sha256)
        found.prompt_id = prompt.sha256
    conversation.prompt_id = found.prompt_id


def _wishes(owner: User) -> Wishes:
    """None without a row; nor where preferences are left out (COMPANION_APPS), for then there is no such attribute."""
    preferences = getattr(owner, "preferences", None)  # Django's error for a missing row is an AttributeError
    return preferences.to_wishes() if preferences else Wishes()
