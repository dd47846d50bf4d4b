"""What a valid body makes of a personality, and the way into its row."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.serializers import ValidationError

from personalities.api.errors import NameTaken
from personalities.config import PersonalityConfig
from personalities.lint import new_refusals
from personalities.models import Personality
from personalities.seeds import complete, refill

GROUPS = ("traits", "behaviors", "custom", "generation")
APART = (*GROUPS, "note", "owner")


def new(body: Mapping[str, Any]) -> Personality:
    return Personality(**complete(_columns(body)))


def changed(row: Personality, body: Mapping[str, Any], *, partial: bool) -> Personality:
    """The row itself, not yet saved. PUT replaces the whole; PATCH, which is partial, keeps what is not given."""
    given = _columns(body)
    changes = {**refill(vars(row), given), **given} if partial else complete(given)
    for column, value in changes.items():
        setattr(row, column, value)
    return row


def save(personality: Personality, before: PersonalityConfig | None = None) -> Personality:
    """Raises ValidationError for what no language model should read, unless it was there `before`; and NameTaken."""
    if errors := new_refusals(before, personality.to_config()):
        raise ValidationError(errors)
    try:
        with transaction.atomic():
            personality.save()
    except IntegrityError as error:
        if "personality_owner_and_name_unique" in str(error):
            raise NameTaken from None
        raise
    return personality


def _columns(nested: Mapping[str, Any]) -> dict[str, Any]:
    """{"traits": {"humor_level": 3}, "archetype": None} becomes {"humor_level": 3, "archetype": ""}."""
    flat = {name: value for name, value in nested.items() if name not in APART}
    for group in GROUPS:
        flat |= nested.get(group, {})
    return stored(flat) | _owner(nested)


def stored(flat: Mapping[str, Any]) -> dict[str, Any]:
    """A text that is none is empty in its column; a number that is none stays none."""
    return {name: "" if value is None and name != "temperature" else value for name, value in flat.items()}


def _owner(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Not a field of the API: the view says whose a new personality is, and None is an answer."""
    return {"owner": nested["owner"]} if "owner" in nested else {}
