from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from conversations.models import Conversation

LIST = "/api/v1/conversations/"


@pytest.fixture
def owner(user: User, client_of: Callable[[User], APIClient]) -> APIClient:
    """A client with an API key of the user who owns the conversation."""
    return client_of(user)


@pytest.fixture
def address(conversation: Conversation) -> str:
    return f"{LIST}{conversation.pk}/"
