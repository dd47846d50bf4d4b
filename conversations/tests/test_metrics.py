"""How recent messages were read, as Prometheus sees it."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from conversations import pinning, turns
from conversations.models import Role
from conversations.recent import recent
from personalities.models import Personality


@pytest.mark.django_db(transaction=True)
def test_metrics__recent_messages__counted_by_source(user: User, client_of: Callable[[User], APIClient]) -> None:
    def reads(source: str) -> float:
        lines = program.get("/metrics").content.decode().splitlines()
        name = f'companion_recent_messages_total{{source="{source}"}} '
        return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    program = client_of(user)
    conversation = pinning.start(user, Personality.objects.create(personality_name="elara").to_config())
    turns.append(conversation, [turns.Draft(Role.USER, "Hello.")])
    before = {source: reads(source) for source in ("redis", "database")}
    recent(conversation)
    assert {source: reads(source) - count for source, count in before.items()} == {"redis": 1, "database": 0}
