"""What a language model is told about a personality."""

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from personalities.api import rows
from personalities.config import PersonalityConfig
from personalities.models import Personality
from personalities.prompt.opening import prompt_at_first
from rest.concurrency import limited_concurrency
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
            # Throttled, because it is made for each request. Prompts of lookups are kept with the configuration.
            with limited_concurrency(request.user.pk):
                return respond(request._request, _prompt(rows.visible(request, name).to_config()))
        return respond(request._request, answer.value.memoized(_prompt), provenance_headers([answer]))


def _prompt(config: PersonalityConfig) -> Representation:
    return Representation.of(prompt_at_first(config))
