"""The personalities as the models that OpenAI's clients choose from."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F

from chat.callers import Caller
from coherence.deadline import answer_within
from personalities.config import PersonalityConfig
from personalities.models import Personality

SECONDS = 2.0


def of_config(config: PersonalityConfig) -> dict[str, Any]:
    return _model(config.personality_name, config.meta.created_at, config.meta.owner)


def all_of(caller: Caller) -> dict[str, Any]:
    """The caller's own and the global ones, by name; where they have one of a global one's name, theirs."""
    rows = Personality.objects.visible_to(User(pk=caller.user_id)).filter(is_active=True)
    rows = rows.order_by("personality_name", F("owner").asc(nulls_first=True))
    with answer_within(SECONDS):
        found = {row[0]: _model(*row) for row in rows.values_list("personality_name", "created_at", "owner_id")}
    return {"object": "list", "data": list(found.values())}


def _model(name: str, created: datetime, owner: int | None) -> dict[str, Any]:
    owned_by = "companion" if owner is None else "you"
    return {"id": name, "object": "model", "created": int(created.timestamp()), "owned_by": owned_by}
