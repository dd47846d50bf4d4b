"""The fields of a personality's JSON that have rules of their own."""

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from personalities.config import LENGTHS, MAX_LEVEL, MAX_TEMPERATURE, MODEL_PATTERN, PREFERENCES, Preference
from personalities.names import MAX_LENGTH, InvalidName, canonical
from rest.fields import Text, WholeNumber


class Level(WholeNumber):
    """A whole number from 0 to MAX_LEVEL."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": MAX_LEVEL, "required": False} | kwargs)


class ModelName(Text):
    """What its server calls a language model; null for the service's own."""

    default_error_messages = {"invalid": "Letters, digits and . _ : / @ + - only."}

    def __init__(self, **kwargs: Any) -> None:
        pattern = RegexValidator(MODEL_PATTERN, self.default_error_messages["invalid"])
        own = {"max_length": LENGTHS["model"], "allow_blank": False, "validators": [pattern]}
        super().__init__(**own | kwargs)


class Temperature(serializers.FloatField):
    """A number from 0 to 2; null for the service's own."""

    default_error_messages = {"invalid": "A number from 0 to 2."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **{"min_value": 0, "max_value": MAX_TEMPERATURE, "required": False, "allow_null": True} | kwargs
        )

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in (int, float) or not 0 <= data <= MAX_TEMPERATURE:  # NaN is in no range
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "array", "items": {"type": "string", "enum": list(PREFERENCES)}, "uniqueItems": True})
class Locks(serializers.ListField):
    """Names of preferences, each once; the order has no meaning."""

    def __init__(self, **kwargs: Any) -> None:
        child = serializers.ChoiceField(choices=PREFERENCES)
        super().__init__(child=child, max_length=len(PREFERENCES), required=False, **kwargs)

    def to_internal_value(self, data: Any) -> tuple[Preference, ...]:  # type: ignore[override]
        names = super().to_internal_value(data)
        if len(set(names)) < len(names):
            raise serializers.ValidationError("Name each preference once.")
        return tuple(name for name in PREFERENCES if name in names)


@extend_schema_field({"type": "string", "pattern": f"^[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_LENGTH - 1}}}$"})
class Name(serializers.CharField):
    """The name of a personality, in any spelling."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return canonical(data)
        except InvalidName as error:
            raise serializers.ValidationError(str(error)) from None


class GivenName(Name):
    """The same, kept as it was given."""

    def to_internal_value(self, data: Any) -> str:
        super().to_internal_value(data)
        return str(data)
