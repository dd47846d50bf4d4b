"""What the author of a personality should look at again."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from personalities.api import rows, writes
from personalities.api.serializers import PersonalitySerializer
from personalities.config import PersonalityConfig
from personalities.lint import lint
from rest.concurrency import costly
from rest.fields import AnswerSerializer


class FindingSerializer(AnswerSerializer):
    """What the author should look at again. The message never quotes the text."""

    severity = serializers.ChoiceField(choices=["error", "warning"], help_text="An error prevents saving.")
    rule = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()


class LintSerializer(AnswerSerializer):
    """Everything that was found, errors first."""

    findings = FindingSerializer(many=True)


class NewLintView(APIView):
    """The linter, for a personality that does not exist yet."""

    @extend_schema(operation_id="personalities_lint_new", request=PersonalitySerializer, responses=LintSerializer)
    @costly
    def post(self, request: Request) -> Response:
        """Check a personality that is not saved yet. Errors would keep it from being saved."""
        return _findings(writes.draft(request))


@extend_schema(parameters=[rows.OWNER])
class LintView(APIView):
    """The linter, for an edit of a personality."""

    @extend_schema(request=PersonalitySerializer(partial=True), responses=LintSerializer)
    @costly
    def post(self, request: Request, name: str) -> Response:
        """Check what a personality would be after a PATCH with this body. Nothing is saved."""
        return _findings(writes.draft(request, rows.visible(request, name)))


def _findings(config: PersonalityConfig) -> Response:
    return Response({"findings": msgspec.to_builtins(lint(config))})
