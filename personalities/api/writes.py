"""Writes of personalities: lock the row, check If-Match, change the row as the body says, and save it.

Each write is one transaction, and builds the configurations before and after it once each. Each raises ValidationError
for a bad body, and what `check_if_match` raises.
"""

from collections.abc import Mapping
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from personalities import edits, history
from personalities.api.rows import NameTaken, locked, version_of
from personalities.api.serializers import PersonalitySerializer, RollbackSerializer, field_values, represent
from personalities.archetypes import complete, refill
from personalities.config import PersonalityConfig
from personalities.models import Personality, authored
from rest.conditional import check_if_match


@transaction.atomic
def create(request: Request) -> PersonalityConfig:
    """What the body describes: a global personality if staff create it, else the caller's own. Raises NameTaken."""
    user = cast(User, request.user)
    body = _valid(request, None)
    row = Personality(owner=None if user.is_staff else user, **complete(field_values(body)))
    return _apply_or_refuse(request, row, None, body.get("note"))


@transaction.atomic
def edit(request: Request, name: str, *, partial: bool) -> PersonalityConfig:
    """What the body makes of the personality: PUT replaces it, PATCH is `partial`. Raises NameTaken."""
    _ = request.data  # parsed, or refused, before a row is locked
    row = locked(request, name)
    before = row.to_config()
    _check_unchanged(request, before, required=not partial)
    body = _valid(request, before, partial=partial)
    return _apply_or_refuse(request, _changed(row, body, partial=partial), before, body.get("note"))


@transaction.atomic
def roll_back(request: Request, name: str) -> PersonalityConfig:
    """What the personality was in the version that the body names, as one more version. Raises NameTaken."""
    _ = request.data
    row = locked(request, name)
    before = row.to_config()
    _check_unchanged(request, before)
    body = RollbackSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    version = version_of(request, row, body.validated_data["version"])
    note = body.validated_data.get("note") or f"Back to version {version.number}."
    return _apply_or_refuse(request, history.restore(row, version), before, note)


@transaction.atomic
def delete(request: Request, name: str) -> None:
    """Delete the personality. Its history stays."""
    row = locked(request, name)
    _check_unchanged(request, row.to_config())
    with authored(request.user.get_username()):
        row.delete()


def draft(request: Request, row: Personality | None = None) -> PersonalityConfig:
    """What POST with this body would create or, given `row`, what PATCH would make of it. Nothing is saved."""
    if row is None:
        return Personality(**complete(field_values(_valid(request, None)))).to_config()
    return _changed(row, _valid(request, row.to_config(), partial=True), partial=True).to_config()


def _check_unchanged(request: Request, current: PersonalityConfig, *, required: bool = False) -> None:
    reason = f"version {current.meta.version} is current"
    check_if_match(request, represent(current), reason, required=required)


def _valid(request: Request, current: PersonalityConfig | None, *, partial: bool = False) -> dict[str, Any]:
    serializer = PersonalitySerializer(current, data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)


def _changed(row: Personality, body: Mapping[str, Any], *, partial: bool) -> Personality:
    """`row` itself, not yet saved. What PATCH leaves out may still follow a change of archetype."""
    given = field_values(body)
    changes = {**refill(vars(row), given), **given} if partial else complete(given)
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def _apply_or_refuse(
    request: Request, row: Personality, before: PersonalityConfig | None, note: str | None
) -> PersonalityConfig:
    """Apply the edit under the caller's name. What refuses it becomes an error of the API."""
    try:
        return edits.apply_edit(row, before, author=request.user.get_username(), note=note or "")
    except edits.Refused as refused:
        raise ValidationError(refused.errors) from None
    except edits.NameInUse:
        raise NameTaken from None
