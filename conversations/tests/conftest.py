from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from conversations import pinning
from conversations.models import Conversation
from conversations.tests.transcripts import PERSONALITY
from personalities.models import Personality


@pytest.fixture
def elara(db: None) -> Personality:
    return Personality.objects.create(personality_name=PERSONALITY, archetype="wise_mentor", backstory="Bridges.")


@pytest.fixture
def start(user: User, elara: Personality) -> Callable[[], Conversation]:
    """Starts conversations of the user with elara."""
    return lambda: pinning.start(user, elara.to_config())


@pytest.fixture
def conversation(start: Callable[[], Conversation]) -> Conversation:
    return start()
