"""What a language model is told about a personality, and what its author should look at again."""

from typing import Any

import msgspec
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from personalities.api import writes
from personalities.api.serializers import PersonalitySerializer
from personalities.config import PersonalityConfig
from personalities.lint import lint
from personalities.models import Personality
from personalities.prompt import assemble
from rest.conditional import Representation, provenance_headers, respond


class SectionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    text = serializers.CharField()
    tokens = serializers.IntegerField(help_text="Estimated.")


class LineSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    section = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]  # which is also a name of DRF's
        help_text="The field that it comes from and, of a choice, its value."
    )


class OmissionSerializer(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    reason = serializers.CharField()


class PromptSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(help_text="The sections, joined by a blank line.")
    tokens = serializers.IntegerField(help_text="Estimated.")
    sections = SectionSerializer(many=True)
    lines = LineSerializer(many=True)
    omissions = OmissionSerializer(many=True)


class FindingSerializer(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(choices=["error", "warning"], help_text="An error keeps it from being saved.")
    rule = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()


class LintSerializer(serializers.Serializer[Any]):
    findings = FindingSerializer(many=True)


@extend_schema(parameters=[writes.OWNER])
class PromptView(APIView):
    @extend_schema(responses={200: PromptSerializer, 304: None})
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """The system prompt: its text, an estimate of its tokens, the source of each line, and what is left out.

        Of an inactive personality too, for those who may write it: before anybody pays for it.
        """
        answer = Personality.objects.lookup(name, None if "owner" in request.query_params else request.user)
        if "owner" in request.query_params or answer.value is None:
            return respond(request._request, _prompt(writes.visible(request, name).to_config()))
        return respond(request._request, answer.value.memoized(_prompt), provenance_headers([answer]))


class NewLintView(APIView):
    @extend_schema(operation_id="personalities_lint_new", request=PersonalitySerializer, responses=LintSerializer)
    def post(self, request: Request) -> Response:
        """What there is to say of a personality that is not saved yet. Errors would keep it from being saved."""
        return _findings(writes.draft(request))


@extend_schema(parameters=[writes.OWNER])
class LintView(APIView):
    @extend_schema(request=PersonalitySerializer(partial=True), responses=LintSerializer)
    def post(self, request: Request, name: str) -> Response:
        """The same of one as PATCH with this body would make it; nothing is saved."""
        return _findings(writes.draft(request, writes.visible(request, name)))


def _prompt(config: PersonalityConfig) -> Representation:
    return Representation.of(assemble(config))


def _findings(config: PersonalityConfig) -> Response:
    return Response({"findings": msgspec.to_builtins(lint(config))})
