"""The personalities as the models that OpenAI's clients choose from."""

from datetime import datetime
from typing import Any

from chat.callers import Caller
from personalities.config import PersonalityConfig
from personalities.models import Personality
from resilience.database import answer_within

SECONDS = 2.0


def of_config(config: PersonalityConfig) -> dict[str, Any]:
    return _model(config.personality_name, config.meta.created_at, config.meta.owner)


def all_of(caller: Caller) -> dict[str, Any]:
    """The caller's own and the global ones, by name; where they have one of a global one's name, theirs."""
    rows = Personality.objects.served_to(caller.user_id).values_list("personality_name", "created_at", "owner_id")
    with answer_within(SECONDS):
        return {"object": "list", "data": [_model(*row) for row in rows]}


def _model(name: str, created: datetime, owner: int | None) -> dict[str, Any]:
    owned_by = "companion" if owner is None else "you"
    return {"id": name, "object": "model", "created": int(created.timestamp()), "owned_by": owned_by}
