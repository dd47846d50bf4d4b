"""The JSON of a prompt and of what there is to say of it."""

from typing import Any

from rest_framework import serializers


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
