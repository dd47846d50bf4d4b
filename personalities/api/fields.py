"""The fields of personalities in JSON bodies, beside those of `rest.fields` that every endpoint shares.

The model's field for names is in `personalities/fields.py`.
"""

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from personalities.config import LENGTHS, MAX_LEVEL, MAX_TEMPERATURE, MODEL_PATTERN, PREFERENCES, Preference
from personalities.names import MAX_LENGTH, InvalidName, canonical
from rest.fields import ShortList, Text, WholeNumber


class Level(WholeNumber):
    """A whole number from 0 to MAX_LEVEL."""

    def __init__(self) -> None:
        super().__init__(min_value=0, max_value=MAX_LEVEL, required=False)


class ModelName(Text):
    """The name of a language model on its server; null for the service's default."""

    default_error_messages = {"invalid": "Letters, digits and . _ : / @ + - only."}

    def __init__(self, help_text: str) -> None:
        pattern = RegexValidator(MODEL_PATTERN, self.default_error_messages["invalid"])
        super().__init__(max_length=LENGTHS["model"], allow_blank=False, validators=[pattern], help_text=help_text)


class Temperature(serializers.FloatField):
    """A number from 0 to MAX_TEMPERATURE; null for the service's default."""

    default_error_messages = {"invalid": f"A number from 0 to {MAX_TEMPERATURE:g}."}

    def __init__(self, help_text: str) -> None:
        super().__init__(min_value=0, max_value=MAX_TEMPERATURE, required=False, allow_null=True, help_text=help_text)

    def to_internal_value(self, data: object) -> float:
        """The temperature. Raises ValidationError for what is not a number within the bounds."""
        if not isinstance(data, int | float) or isinstance(data, bool) or not 0 <= data <= MAX_TEMPERATURE:
            self.fail("invalid")  # NaN is in no range
        return super().to_internal_value(data)


@extend_schema_field({"type": "array", "items": {"type": "string", "enum": list(PREFERENCES)}, "uniqueItems": True})
class Locks(ShortList):
    """Names of preferences, each once; the order has no meaning."""

    def __init__(self, help_text: str) -> None:
        child = serializers.ChoiceField(choices=PREFERENCES)
        super().__init__(child=child, max_length=len(PREFERENCES), required=False, help_text=help_text)

    def to_internal_value(self, data: list[str]) -> tuple[Preference, ...]:  # type: ignore[override]
        """The preferences, in a fixed order. Raises ValidationError if one is unknown, or named twice."""
        names = super().to_internal_value(data)
        if len(set(names)) < len(names):
            raise serializers.ValidationError("Name each preference once.")
        return tuple(name for name in PREFERENCES if name in names)


@extend_schema_field({"type": "string", "pattern": f"^[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_LENGTH - 1}}}$"})
class Name(serializers.CharField):
    """The name of a personality: any spelling is read as the canonical one."""

    def to_internal_value(self, data: object) -> str:
        """The canonical name. Raises ValidationError for what cannot be one."""
        try:
            return canonical(data)
        except InvalidName as error:
            raise serializers.ValidationError(str(error)) from None


class NameAsGiven(Name):
    """The name of a personality, in the spelling that was given."""

    def to_internal_value(self, data: object) -> str:
        """The name as it was sent. Raises ValidationError for what cannot be one."""
        super().to_internal_value(data)
        return str(data)
