"""The JSON of preferences: what is written has the shape of what is read."""

import re
import unicodedata
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from personalities.lint import refusals_in
from personalities.prompt.wishes import CHOICES, LINE_BREAKS, MAX_NAME, TAG_IN_ANY_CASE, language_tag
from rest.fields import StrictSerializer, Text

ONE_LINE = f"^[^{LINE_BREAKS}]*$".replace(r"\x", r"\u00")  # as JSON Schema recommends to write characters
LINE_BREAK = re.compile(f"[{LINE_BREAKS}]")

# Unicode categories of what cannot be seen: spaces, zero-width characters and direction marks.
INVISIBLE = {"Zs", "Cf"}


@extend_schema_field({"anyOf": [{"type": "string", "pattern": f"^({TAG_IN_ANY_CASE})?$"}]})
class LanguageTag(Text):
    """A BCP 47 tag, in any case."""

    def to_internal_value(self, data: object) -> str:
        """The tag in its one spelling. Raises ValidationError for what is no tag."""
        try:
            return language_tag(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


@extend_schema_field({"anyOf": [{"type": "string", "maxLength": MAX_NAME, "pattern": ONE_LINE}]})
class CalledName(Text):
    """A name of one line, kept to the letter; one in which nothing is visible is none."""

    def to_internal_value(self, data: object) -> str:
        """The name as it was typed. Raises ValidationError for several lines, and for a text with a secret in it."""
        text = super().to_internal_value(data)
        if LINE_BREAK.search(text):
            raise serializers.ValidationError("One line, without control characters.")
        if errors := refusals_in({"call_me": text}):
            raise serializers.ValidationError(errors["call_me"])
        return text if any(unicodedata.category(character) not in INVISIBLE for character in text) else ""


class Choice(serializers.ChoiceField):
    """One of the values that the preference `name` may have; null for none."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(choices=CHOICES[name], required=False, allow_null=True, **kwargs)


class PreferencesSerializer(StrictSerializer):
    """Null: no wish. PATCH keeps what is left out, PUT clears it. Unknown fields are refused."""

    language = LanguageTag(help_text="A language, perhaps a script and a region: de, pt-BR, zh-Hant-TW.")
    formality = Choice("formality")
    tone = Choice("tone")
    emoji_use = Choice("emoji_use")
    response_length = Choice("response_length")
    explanation_style = Choice("explanation_style")
    call_me = CalledName(max_length=MAX_NAME, help_text="What the user wants to be called.")

    def validate(self, attrs: dict[str, str | None]) -> dict[str, str | None]:
        """The wishes, with None in place of an empty text."""
        return {name: value or None for name, value in attrs.items()}
