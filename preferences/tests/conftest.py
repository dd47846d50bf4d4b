from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

URL = "/api/v1/preferences/"
NOTHING = {
    "language": None,
    "formality": None,
    "tone": None,
    "emoji_use": None,
    "response_length": None,
    "explanation_style": None,
    "call_me": None,
}


@pytest.fixture
def reader(user: User, client_of: Callable[[User], APIClient]) -> APIClient:
    """Somebody, with an API key."""
    return client_of(user)


@pytest.fixture
def other(staff: User, client_of: Callable[[User], APIClient]) -> APIClient:
    """Staff, with an API key."""
    return client_of(staff)
