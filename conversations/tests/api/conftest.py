from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from conversations.models import Conversation

LIST = "/api/v1/conversations/"


@pytest.fixture
def owner(user: User, client_of: Callable[[User], APIClient]) -> APIClient:
    """Whose the conversation is, with an API key."""
    return client_of(user)


@pytest.fixture
def address(conversation: Conversation) -> str:
    return f"{LIST}{conversation.pk}/"
