"""The row that a request is about, if its caller may see it, and what its caller makes of it."""

from contextlib import AbstractContextManager
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from personalities.api import representation
from personalities.api.errors import GlobalIsForStaff, PersonalityNotFound
from personalities.managers import PersonalityQuerySet
from personalities.models import Personality, authored
from personalities.names import InvalidName, canonical
from rest.conditional import check_if_match

OWNER = OpenApiParameter(
    "owner", enum=["me", "global"], description="Whose is meant, where the caller has one of a global one's name."
)


def visible(request: Request, name: str, **more: Any) -> Personality:
    """The one that GET shows the caller, else an inactive one of theirs."""
    return _first(_named(request, name).filter(**more), name)


def editable(request: Request, name: str) -> Personality:
    """The same. Refused where the caller may only read it."""
    return _checked(request, visible(request, name))


def locked(request: Request, name: str) -> Personality:
    """The same, and nobody else writes it before the transaction ends."""
    return _checked(request, _first(_named(request, name).select_for_update(), name))


def check_unchanged(request: Request, row: Personality, *, required: bool = False) -> None:
    """Raises PreconditionFailed unless If-Match is absent, `*`, or has the row's ETag. The row must be locked."""
    config = row.to_config()
    reason = f"version {config.meta.version} is current"
    check_if_match(request, representation.of_config(config), reason, required=required)


def save(request: Request, serializer: BaseSerializer[Personality], **more: Any) -> Personality:
    """What the request's body makes of it, if it is valid; the history says who it was."""
    serializer.is_valid(raise_exception=True)
    with authored_by(request, serializer.validated_data.get("note") or ""):
        saved: Personality = serializer.save(**more)
    return saved


def authored_by(request: Request, note: str = "") -> AbstractContextManager[Any]:
    return authored(request.user.get_username(), note)


def _checked(request: Request, row: Personality) -> Personality:
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
    scopes = {None: Q(), "me": Q(owner=request.user.pk), "global": Q(owner=None)}
    if (scope := request.query_params.get("owner")) not in scopes:
        raise ValidationError({"owner": "Known: me, global."})
    return scopes[scope]


def _first(rows: PersonalityQuerySet, name: str) -> Personality:
    if row := rows.first():
        return row
    raise PersonalityNotFound(f"No personality is named {name!r:.120}.")
