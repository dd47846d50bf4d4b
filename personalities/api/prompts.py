"""What a language model is told about a personality, and what its author should look at again."""

import msgspec
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from personalities.api import rows, writes
from personalities.api.serializers import PersonalitySerializer
from personalities.config import PersonalityConfig
from personalities.lint import lint
from personalities.models import Personality
from personalities.prompt.opening import prompt_at_first
from rest.concurrency import costly, one_of_few
from rest.conditional import IF_NONE_MATCH, Representation, provenance_headers, respond
from rest.fields import AnswerSerializer


class SectionSerializer(AnswerSerializer):
    """Lines of a prompt that belong together."""

    name = serializers.CharField()
    text = serializers.CharField()
    tokens = serializers.IntegerField(help_text="Estimated.")


class LineSerializer(AnswerSerializer):
    """One line of a prompt."""

    text = serializers.CharField()
    section = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]  # which is also a name of DRF's
        help_text="The field that it comes from and, for a choice, its value."
    )


class OmissionSerializer(AnswerSerializer):
    """A field that the prompt does not mention, and why."""

    source = serializers.CharField()  # type: ignore[assignment]
    reason = serializers.CharField()


class PromptSerializer(AnswerSerializer):
    """A system prompt. Each field of the personality is the source of a line or of an omission."""

    text = serializers.CharField(help_text="The sections, joined by a blank line.")
    sha256 = serializers.CharField(
        help_text="Of its beginning, up to the sections `user` and `greeting`: the `Prompt-SHA256` of chat's answers."
    )
    tokens = serializers.IntegerField(help_text="Estimated.")
    sections = SectionSerializer(many=True)
    lines = LineSerializer(many=True)
    omissions = OmissionSerializer(many=True)


class FindingSerializer(AnswerSerializer):
    """What the author should look at again. The message never quotes the text."""

    severity = serializers.ChoiceField(choices=["error", "warning"], help_text="An error prevents saving.")
    rule = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()


class LintSerializer(AnswerSerializer):
    """Everything that was found, errors first."""

    findings = FindingSerializer(many=True)


@extend_schema(parameters=[rows.OWNER])
class PromptView(APIView):
    """The prompt of one personality."""

    @extend_schema(responses={200: PromptSerializer, 304: None}, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Get the system prompt of a personality: its text, an estimate of its tokens, and the source of each line.

        What is left out is named too. Those who may write an inactive personality also get its prompt, before anybody
        pays for it.
        """
        answer = Personality.objects.lookup(name, request.user) if "owner" not in request.query_params else None
        if answer is None or answer.value is None:
            with one_of_few(request.user.pk):  # the others are kept, so that each is made once
                return respond(request._request, _prompt(rows.visible(request, name).to_config()))
        return respond(request._request, answer.value.memoized(_prompt), provenance_headers([answer]))


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


def _prompt(config: PersonalityConfig) -> Representation:
    return Representation.of(prompt_at_first(config))


def _findings(config: PersonalityConfig) -> Response:
    return Response({"findings": msgspec.to_builtins(lint(config))})
