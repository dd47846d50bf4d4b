"""The personalities a caller can talk to, presented as the models that OpenAI's clients choose from."""

from datetime import datetime
from typing import TypedDict

from chat.callers import Caller
from chat.errors import no_such_model, too_many_at_once
from chat.threads import in_thread
from personalities.config import PersonalityConfig
from personalities.lookup import config_from_memory
from personalities.models import Personality
from resilience.database import answer_within
from rest.concurrency import TooManyAtOnce, limited_concurrency

LIST_SECONDS = 2.0  # for the query that lists them
MAX_LISTED = 10_000  # the protocol has no pages


class Model(TypedDict):
    """OpenAI's `model` object."""

    id: str
    object: str
    created: int
    owned_by: str


async def personality(name: str, caller: Caller) -> tuple[PersonalityConfig, str]:
    """The caller's own active personality of that name, else the global one, and the source that answered.

    Raises ApiError if there is neither.
    """
    if config := config_from_memory(name, caller.user_id):
        return config, "near"
    answer = await in_thread(lambda: Personality.objects.lookup(name, caller.user_id))
    if answer.value is None:
        raise no_such_model(name)
    return answer.value, f"{answer.source}, unverified" if answer.unverified else answer.source


def to_model(config: PersonalityConfig) -> Model:
    """A personality as OpenAI's `model` object."""
    return _model(config.personality_name, config.meta.created_at, config.meta.owner)


def list_models(caller: Caller) -> dict[str, object]:
    """The caller's own and the global personalities by name; of two with the same name, the caller's. Blocks.

    At most MAX_LISTED, the first by name. Raises ApiError when too many of the caller's lists are being made.
    """
    rows = Personality.objects.served_to(caller.user_id).values_list("personality_name", "created_at", "owner_id")
    try:
        with limited_concurrency(caller.user_id), answer_within(LIST_SECONDS):
            return {"object": "list", "data": [_model(*row) for row in rows[:MAX_LISTED]]}
    except TooManyAtOnce as error:
        raise too_many_at_once(str(error.detail), error.headers) from None


def _model(name: str, created: datetime, owner: int | None) -> Model:
    owned_by = "companion" if owner is None else "you"
    return {"id": name, "object": "model", "created": int(created.timestamp()), "owned_by": owned_by}
