"""A conversation stays with one version of a personality until it is upgraded."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models.signals import pre_save

from conversations import pinning
from conversations.models import Conversation, EarlierPrompt
from conversations.pinning import PersonalityGone, config_of
from conversations.turns import InvalidContent
from personalities.models import Personality

pytestmark = pytest.mark.django_db(transaction=True)


def edit(**changes: Any) -> None:
    Personality.objects.update(**changes)


def test_config_of__personality_edited__as_it_was(conversation: Conversation, elara: Personality) -> None:
    edit(greeting="Changed.", personality_name="vega")
    assert config_of(conversation) == elara.to_config()


def test_config_of__personality_deleted__as_it_was(conversation: Conversation, elara: Personality) -> None:
    before = elara.to_config()
    elara.delete()
    assert config_of(conversation) == before


def test_config_of__asks_once(conversation: Conversation, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        config_of(conversation)


def test_start__personality_with_a_greeting__its_first_message(user: User, elara: Personality) -> None:
    edit(greeting="Hello.")
    conversation = pinning.start(user, Personality.objects.get_config("elara"))
    assert [message.content for message in conversation.messages.all()] == ["Hello."]


def test_start__greeting_cannot_be_stored__no_conversation(user: User, elara: Personality) -> None:
    config = msgspec.structs.replace(elara.to_config(), greeting="a\0b")
    with pytest.raises(InvalidContent):
        pinning.start(user, config)
    assert not Conversation.objects.exists()


def test_upgrade__interrupted__nothing_written(conversation: Conversation) -> None:
    def interrupt(**_: Any) -> None:
        raise InterruptedError

    edit(backstory="Other.")
    pre_save.connect(interrupt, sender=Conversation)
    try:
        with pytest.raises(InterruptedError):
            pinning.upgrade(conversation)
    finally:
        pre_save.disconnect(interrupt, sender=Conversation)
    assert not EarlierPrompt.objects.exists()


def test_upgrade__personality_edited__as_it_is(conversation: Conversation) -> None:
    edit(greeting="Changed.", personality_name="vega")
    pinning.upgrade(conversation)
    found = Conversation.objects.get()
    assert (found.personality_version, found.personality_name) == (2, "vega")
    assert config_of(found) == Personality.objects.get_config("vega")


def test_upgrade__nothing_new__nothing_written(conversation: Conversation, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        pinning.upgrade(conversation)


@pytest.mark.parametrize("gone", ["deleted", "inactive", "somebody else's"])
def test_upgrade__personality_gone__refused_and_as_it_was(
    conversation: Conversation, staff: User, elara: Personality, gone: str
) -> None:
    before = elara.to_config()
    if gone == "deleted":
        elara.delete()
    else:
        edit(**{"is_active": False} if gone == "inactive" else {"owner": staff})
    with pytest.raises(PersonalityGone):
        pinning.upgrade(conversation)
    assert config_of(Conversation.objects.get()) == before


def test_prune__pinned_version__stays_and_the_conversation_goes_on(
    elara: Personality, start: Callable[[], Conversation]
) -> None:
    conversation = start()
    for greeting in ("Second.", "Third."):
        elara.greeting = greeting
        elara.save()
    call_command("prune_history", older_than=0, stdout=StringIO())
    assert [version.number for version in elara.versions.all()] == [3, 1]
    assert config_of(conversation).greeting is None
    conversation.delete()
    call_command("prune_history", older_than=0, stdout=StringIO())
    assert [version.number for version in elara.versions.all()] == [3]
