import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from preferences.models import Preferences
from preferences.tests.commands import name

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


@pytest.fixture
def cached(user: User) -> User:
    """Ursula, with a copy of her wishes here and in Redis."""
    Preferences.objects.create(user=user, tone="calm", call_me="Sam")
    Preferences.objects.wishes_of(user)
    return user


@pytest.fixture
def other_cached(staff: User) -> User:
    """Stella, the same."""
    Preferences.objects.create(user=staff, tone="friendly")
    Preferences.objects.wishes_of(staff)
    return staff


@pytest.fixture
def plant(cached: User, redis: Any) -> Callable[..., None]:
    """Writes Ursula's wishes back to Redis with other values."""

    def write(meta: dict[str, Any] | None = None, **changes: Any) -> None:
        stored = json.loads(redis.get(name(cached)))
        redis.set(name(cached), json.dumps(stored | changes | {"meta": stored["meta"] | (meta or {})}))

    return write
