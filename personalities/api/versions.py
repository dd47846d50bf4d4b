"""The history of a personality over HTTP, for those who may write it."""

import msgspec
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from personalities import history
from personalities.api import rows, writes
from personalities.api.serializers import PersonalitySerializer, RollbackSerializer, represent
from personalities.models import Version
from rest.concurrency import CostlyListView, costly
from rest.conditional import IF_MATCH, IF_NONE_MATCH, Representation, respond, respond_to_write
from rest.fields import AnswerSerializer
from rest.query_parameters import KnownParameters


class VersionSerializer(serializers.ModelSerializer[Version]):
    """Who made a version, when and why."""

    version = serializers.IntegerField(source="number")
    author = serializers.CharField(help_text="Empty when a command or SQL did not say.")
    note = serializers.CharField(help_text="The reason, in the author's words.")

    class Meta:
        model = Version
        fields = ("version", "author", "note", "created_at")


class WholeVersionSerializer(VersionSerializer):
    """A version, and the personality as it was then."""

    personality = PersonalitySerializer()

    class Meta(VersionSerializer.Meta):
        fields = (*VersionSerializer.Meta.fields, "personality")  # type: ignore[assignment]


class ChangeSerializer(AnswerSerializer):
    """One field that differs."""

    field = serializers.CharField(help_text="A dotted path in the configuration.")
    before = serializers.JSONField()
    after = serializers.JSONField()


class DifferenceSerializer(AnswerSerializer):
    """What differs between two versions."""

    before = serializers.IntegerField()
    after = serializers.IntegerField()
    changes = ChangeSerializer(many=True)
    prompt = serializers.CharField(help_text="A unified diff of the assembled prompts.")


@extend_schema_view(get=extend_schema(parameters=[rows.OWNER]))
class VersionListView(CostlyListView):
    """List the versions of a personality, the newest first."""

    serializer_class = VersionSerializer
    filter_backends = (KnownParameters,)
    parameters = frozenset({"owner", "page", "page_size"})

    def get_queryset(self) -> QuerySet[Version]:
        """The versions of the personality that the path names, as far as the caller may see them."""
        row = rows.editable(self.request, self.kwargs["name"])
        return history.versions_for(self.request.user, row).defer("state")


@extend_schema(parameters=[rows.OWNER])
class VersionView(APIView):
    """One version of a personality."""

    @extend_schema(responses={200: WholeVersionSerializer, 304: None}, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, name: str, number: int) -> HttpResponseBase:
        """Get a personality as it was in one version."""
        version = rows.version_of(request, rows.editable(request, name), number)
        body = VersionSerializer(version).data | {"personality": version.to_config().to_dict()}
        return respond(request._request, Representation.of(body))


@extend_schema(parameters=[rows.OWNER])
class DifferenceView(APIView):
    """Two versions of a personality, compared."""

    @extend_schema(
        operation_id="personalities_versions_compare",
        responses={200: DifferenceSerializer, 304: None},
        parameters=[IF_NONE_MATCH],
    )
    @costly
    def get(self, request: Request, name: str, before: int, after: int) -> HttpResponseBase:
        """Compare two versions of a personality: the fields, and the prompt that is made of them."""
        row = rows.editable(request, name)
        old, new = (rows.version_of(request, row, number).to_config() for number in (before, after))
        body = msgspec.to_builtins(history.difference(old, new)) | {"before": before, "after": after}
        return respond(request._request, Representation.of(body))


class RollbackView(APIView):
    """The way back to an earlier version."""

    @extend_schema(request=RollbackSerializer, responses=PersonalitySerializer, parameters=[IF_MATCH, rows.OWNER])
    def post(self, request: Request, name: str) -> HttpResponseBase:
        """Make a personality again what it was in an earlier version. That is a new one: nothing is lost."""
        return respond_to_write(represent(writes.roll_back(request, name)))
