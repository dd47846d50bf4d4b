"""The personality, or the version of one, that a request is about, if its caller may see or write it.

Errors name what is at fault in `errors`, as `rest.problems` shows them.
"""

from collections.abc import Mapping
from http import HTTPStatus

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from personalities import history
from personalities.managers import PersonalityQuerySet
from personalities.models import Personality, Version
from personalities.names import InvalidName, canonical
from rest.query_parameters import check_parameters

OWNER = OpenApiParameter(
    "owner",
    enum=["me", "global"],
    description="Which one is meant, if the caller has one with the name of a global one.",
)


class NameTaken(APIException):
    """409: the owner has another personality of this name."""

    status_code = HTTPStatus.CONFLICT
    default_detail = "There is a personality of this name already."
    errors = {"personality_name": [default_detail]}


class PersonalityNotFound(NotFound):
    """404. `field` is the one at fault; `headers` say where the answer came from, if it was looked up."""

    def __init__(self, reason: str, headers: Mapping[str, str] | None = None, *, field: str = "name") -> None:
        super().__init__(reason)
        self.errors = {field: [reason]}
        self.headers = headers or {}


class VersionNotFound(NotFound):
    """404: the personality has no version of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no version {number}.")
        self.errors = {"version": [str(self.detail)]}


class GlobalIsForStaff(PermissionDenied):
    """403: the caller may read this global personality, but neither write it nor see its history."""

    default_detail = "Only staff may change a global personality or see its history."
    errors = {"name": [default_detail]}


def visible(request: Request, name: str, **filters: object) -> Personality:
    """The personality that GET shows the caller, else an inactive one of theirs. Raises PersonalityNotFound."""
    return _first(_named(request, name).filter(**filters), name)


def editable(request: Request, name: str) -> Personality:
    """The personality of that name, for a caller who may write it.

    Raises PersonalityNotFound, or GlobalIsForStaff if they may only read it.
    """
    return _if_editable(request, visible(request, name))


def version_of(request: Request, row: Personality, number: int) -> Version:
    """Version `number` of `row`, if the caller may read it. Raises VersionNotFound."""
    if version := history.versions_for(request.user, row).filter(number=number).first():
        return version
    raise VersionNotFound(number)


def locked(request: Request, name: str) -> Personality:
    """Like `editable`, and locked: nobody else can write the row before the transaction ends."""
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
    return rows.filter(_scope(request)).order_by_precedence()


def _scope(request: Request) -> Q:
    """The condition that `?owner=` sets. Raises ValidationError for others: a misspelt one would hit the wrong row."""
    if request.method not in SAFE_METHODS:
        check_parameters(request, {"owner"})
    scopes = {None: Q(), "me": Q(owner=request.user.pk), "global": Q(owner=None)}
    if (scope := request.query_params.get("owner")) not in scopes:
        raise ValidationError({"owner": "Must be me or global."})
    return scopes[scope]


def _first(rows: PersonalityQuerySet, name: str) -> Personality:
    if row := rows.first():
        return row
    raise PersonalityNotFound(f"No personality is named {name!r:.120}.")
