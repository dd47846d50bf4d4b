from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.models import Personality

LIST = "/api/v1/personalities/"
ELARA = f"{LIST}elara/"


@pytest.fixture
def editor(staff: User, client_of: Callable[[User], APIClient]) -> APIClient:
    """Staff, with an API key."""
    return client_of(staff)


@pytest.fixture
def reader(user: User, client_of: Callable[[User], APIClient]) -> APIClient:
    """Somebody, with an API key."""
    return client_of(user)


@pytest.fixture
def elara(db: None) -> Personality:
    return Personality.objects.create(personality_name="elara", archetype="wise_mentor", backstory="Bridges.")
