"""The history of a personality over HTTP, for those who may write it."""

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.views import APIView

from personalities import history
from personalities.api import drafts, representation, rows
from personalities.api.errors import VersionNotFound
from personalities.api.serializers import PersonalitySerializer
from personalities.api.version_serializers import (
    DifferenceSerializer,
    RollbackSerializer,
    VersionSerializer,
    WholeVersionSerializer,
)
from personalities.models import Personality, Version
from rest.conditional import IF_MATCH, Representation, respond, written
from rest.query_parameters import KnownParameters


class VersionListView(ListAPIView[Version]):
    """The versions of a personality, the newest first."""

    serializer_class = VersionSerializer
    filter_backends = (KnownParameters,)
    parameters = frozenset({"owner", "page", "page_size"})

    def get_queryset(self) -> QuerySet[Version]:
        return history.versions(rows.editable(self.request, self.kwargs["name"]))


@extend_schema(parameters=[rows.OWNER])
class VersionView(APIView):
    @extend_schema(responses={200: WholeVersionSerializer, 304: None})
    def get(self, request: Request, name: str, number: int) -> HttpResponseBase:
        """A personality as it was in one version."""
        version = _version(rows.editable(request, name), number)
        body = VersionSerializer(version).data | {"personality": version.to_config().to_dict()}
        return respond(request._request, Representation.of(body))


@extend_schema(parameters=[rows.OWNER])
class DifferenceView(APIView):
    @extend_schema(responses=DifferenceSerializer)
    def get(self, request: Request, name: str, before: int, after: int) -> HttpResponseBase:
        """What changed from one version to another: the fields, and the prompt that is made of them."""
        row = rows.editable(request, name)
        old, new = (_version(row, number) for number in (before, after))
        said = history.difference(old.to_config(), new.to_config())
        body = msgspec.to_builtins(said) | {"before": before, "after": after}
        return respond(request._request, Representation.of(body))


class RollbackView(APIView):
    @extend_schema(request=RollbackSerializer, responses=PersonalitySerializer, parameters=[IF_MATCH, rows.OWNER])
    @transaction.atomic
    def post(self, request: Request, name: str) -> HttpResponseBase:
        """Make it again what it was in `version`. That is a new version: nothing is lost."""
        row = rows.locked(request, name)
        rows.check_unchanged(request, row)
        wanted = RollbackSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        version = _version(row, wanted.validated_data["version"])
        note = wanted.validated_data.get("note") or f"Back to version {version.number}."
        before = row.to_config()
        with rows.authored_by(request, note):
            row = drafts.save(history.restore(row, version), before)
        return written(representation.of_config(row.to_config()))


def _version(row: Personality, number: int) -> Version:
    if version := history.versions(row).filter(number=number).first():
        return version
    raise VersionNotFound(number)
