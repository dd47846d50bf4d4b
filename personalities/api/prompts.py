"""What a language model is told about a personality, and what its author should look at again."""

from typing import Any

import msgspec
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from personalities.api import rows
from personalities.api.prompt_serializers import LintSerializer, PromptSerializer
from personalities.api.serializers import PersonalitySerializer
from personalities.config import PersonalityConfig
from personalities.lint import lint
from personalities.models import Personality
from personalities.prompt import assemble
from rest.conditional import Representation, provenance_headers, respond


@extend_schema(parameters=[rows.OWNER])
class PromptView(APIView):
    @extend_schema(responses={200: PromptSerializer, 304: None})
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """The system prompt: its text, an estimate of its tokens, the source of each line, and what is left out.

        Of an inactive personality too, for those who may write it: before anybody pays for it.
        """
        answer = Personality.objects.lookup(name, None if "owner" in request.query_params else request.user)
        if "owner" in request.query_params or answer.value is None:
            return respond(request._request, _prompt(rows.visible(request, name).to_config()))
        return respond(request._request, answer.value.memoized(_prompt), provenance_headers([answer]))


class NewLintView(APIView):
    @extend_schema(operation_id="personalities_lint_new", request=PersonalitySerializer, responses=LintSerializer)
    def post(self, request: Request) -> Response:
        """What there is to say of a personality that is not saved yet. Errors would keep it from being saved."""
        return _findings(PersonalitySerializer(data=request.data))


@extend_schema(parameters=[rows.OWNER])
class LintView(APIView):
    @extend_schema(request=PersonalitySerializer(partial=True), responses=LintSerializer)
    def post(self, request: Request, name: str) -> Response:
        """The same of one as PATCH with this body would make it; nothing is saved."""
        return _findings(PersonalitySerializer(rows.visible(request, name), data=request.data, partial=True))


def _prompt(config: PersonalityConfig) -> Representation:
    return Representation.of(assemble(config))


def _findings(serializer: Any) -> Response:
    serializer.is_valid(raise_exception=True)
    return Response({"findings": msgspec.to_builtins(lint(serializer.draft().to_config()))})
