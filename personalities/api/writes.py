"""Which row a request is about, and how it is written: lock it and check If-Match, change it by the body, save it.

Each write is one transaction and builds the configuration twice, before and after.
"""

from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from personalities import edits, history
from personalities.api.errors import GlobalIsForStaff, NameTaken, PersonalityNotFound, VersionNotFound
from personalities.api.serializers import PersonalitySerializer, RollbackSerializer, columns, represent
from personalities.archetypes import Columns, complete, refill
from personalities.config import PersonalityConfig
from personalities.managers import PersonalityQuerySet
from personalities.models import Personality, Version, authored
from personalities.names import InvalidName, canonical
from rest.conditional import check_if_match

OWNER = OpenApiParameter(
    "owner",
    enum=["me", "global"],
    description="Which one is meant, if the caller has one with the name of a global one.",
)


# ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def visible(request: Request, name: str, **filters: Any) -> Personality:
    """The personality that GET shows the caller, else an inactive one of theirs. Raises PersonalityNotFound."""
    return _first(_named(request, name).filter(**filters), name)


def editable(request: Request, name: str) -> Personality:
    """As `visible`; raises GlobalIsForStaff where the caller may read, but not write."""
    return _if_editable(request, visible(request, name))


def version_of(request: Request, row: Personality, number: int) -> Version:
    """Version `number` of `row`, if the caller may read it. Raises VersionNotFound."""
    if version := history.versions_for(request.user, row).filter(number=number).first():
        return version
    raise VersionNotFound(number)


def _locked(request: Request, name: str) -> Personality:
    """As `editable`; nobody else can write it before the transaction ends."""
    return _if_editable(request, _first(_named(request, name).select_for_update(), name))


def _if_editable(request: Request, row: Personality) -> Personality:
    if not row.is_editable_by(request.user):
        raise GlobalIsForStaff
    return row


def _named(request: Request, name: str) -> PersonalityQuerySet:
    try:
        rows = Personality.objects.visible_to(request.user).filter(personality_name=canonical(name))
    except InvalidName as error:
        raise PersonalityNotFound(str(error)) from None
    return rows.filter(_scope(request)).served_first()


def _scope(request: Request) -> Q:
    """Raises ValidationError. A write that misspells `owner` would hit the wrong one of two."""
    if request.method not in SAFE_METHODS and (unknown := request.query_params.keys() - {"owner"}):
        raise ValidationError(dict.fromkeys(unknown, "This parameter is not known."))
    scopes = {None: Q(), "me": Q(owner=request.user.pk), "global": Q(owner=None)}
    if (scope := request.query_params.get("owner")) not in scopes:
        raise ValidationError({"owner": "Must be me or global."})
    return scopes[scope]


def _first(rows: PersonalityQuerySet, name: str) -> Personality:
    if row := rows.first():
        return row
    raise PersonalityNotFound(f"No personality is named {name!r:.120}.")


# ── Writes: each raises ValidationError for a bad body, and what `check_if_match` raises ──────────────────────────────


@transaction.atomic
def create(request: Request) -> PersonalityConfig:
    """What the body describes: a global personality if staff create it, else the caller's own. Raises NameTaken."""
    user = cast(User, request.user)
    body = _valid(request, None)
    row = Personality(owner=None if user.is_staff else user, **complete(columns(body)))
    return _save(request, row, None, body.get("note"))


@transaction.atomic
def edit(request: Request, name: str, *, partial: bool) -> PersonalityConfig:
    """What the body makes of the personality: PUT replaces it, PATCH is `partial`. Raises NameTaken."""
    _ = request.data  # parsed, or refused, before a row is locked
    row = _locked(request, name)
    before = row.to_config()
    _check_unchanged(request, before, required=not partial)
    body = _valid(request, before, partial=partial)
    return _save(request, _changed(row, body, partial=partial), before, body.get("note"))


@transaction.atomic
def roll_back(request: Request, name: str) -> PersonalityConfig:
    """What the personality was in the version that the body names, as one more version. Raises NameTaken."""
    _ = request.data
    row = _locked(request, name)
    before = row.to_config()
    _check_unchanged(request, before)
    body = RollbackSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    version = version_of(request, row, body.validated_data["version"])
    note = body.validated_data.get("note") or f"Back to version {version.number}."
    return _save(request, history.restore(row, version), before, note)


@transaction.atomic
def delete(request: Request, name: str) -> None:
    """Delete the personality. Its history stays."""
    row = _locked(request, name)
    _check_unchanged(request, row.to_config())
    with authored(request.user.get_username()):
        row.delete()


def draft(request: Request, row: Personality | None = None) -> PersonalityConfig:
    """What POST with this body would create or, given `row`, what PATCH would make of it. Nothing is saved."""
    if row is None:
        return Personality(**complete(columns(_valid(request, None)))).to_config()
    return _changed(row, _valid(request, row.to_config(), partial=True), partial=True).to_config()


def _check_unchanged(request: Request, current: PersonalityConfig, *, required: bool = False) -> None:
    reason = f"version {current.meta.version} is current"
    check_if_match(request, represent(current), reason, required=required)


def _valid(request: Request, current: PersonalityConfig | None, *, partial: bool = False) -> Columns:
    serializer = PersonalitySerializer(current, data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return cast(Columns, serializer.validated_data)


def _changed(row: Personality, body: Columns, *, partial: bool) -> Personality:
    """`row` itself, not yet saved. What PATCH leaves out may still follow a change of archetype."""
    given = columns(body)
    changes = {**refill(vars(row), given), **given} if partial else complete(given)
    for column, value in changes.items():
        setattr(row, column, value)
    return row


def _save(request: Request, row: Personality, before: PersonalityConfig | None, note: str | None) -> PersonalityConfig:
    try:
        return edits.save(row, before, author=request.user.get_username(), note=note or "")
    except edits.Refused as refused:
        raise ValidationError(refused.errors) from None
    except edits.NameInUse:
        raise NameTaken from None
