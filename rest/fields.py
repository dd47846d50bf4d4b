"""Fields that take JSON at its word: a number is not text, true is not a number, an unknown key is a mistake."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from rest_framework import serializers

from rest.problems import MAX_ERRORS

OPTIONAL_TEXT = {"required": False, "allow_null": True, "allow_blank": True, "trim_whitespace": False}


class WholeNumber(serializers.IntegerField):
    """A JSON integer within the bounds that the field is given. DRF would also take "5", 5.0 and true."""

    def to_internal_value(self, data: object) -> int:
        """The number. Raises ValidationError for what is not an integer, or out of bounds."""
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """true or false. DRF would also take "yes", "off" and 1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False} | kwargs)

    def to_internal_value(self, data: object) -> bool:
        """The flag. Raises ValidationError for anything but true and false."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Text(serializers.CharField):
    """A JSON string kept to the letter; null for none. DRF would also take 5, and trim spaces."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**OPTIONAL_TEXT | kwargs)

    def to_internal_value(self, data: object) -> str:
        """The text. Raises ValidationError for what is not a string, or too long."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ShortList(serializers.ListField):
    """A list of at most `max_length` items. DRF would also validate each of thousands before it says that."""

    max_length: int

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)

    def to_internal_value(self, data: Any) -> list[object]:
        """The items. Raises ValidationError if there are too many, before any is looked at, or if one is wrong."""
        if isinstance(data, list) and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class AnswerSerializer(serializers.Serializer[object]):
    """The JSON of an answer, as the OpenAPI schema documents it. Requests are read by StrictSerializer."""


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown keys, and read-only ones unless they are sent back unchanged."""

    def to_internal_value(self, data: object) -> object:
        """The values. Raises ValidationError; of many unknown keys it names one more than a problem shows."""
        if isinstance(data, Mapping) and (errors := dict(islice(self._refusals(data), MAX_ERRORS + 1))):
            raise serializers.ValidationError(errors)
        return super().to_internal_value(data)

    def _refusals(self, data: Mapping[str, object]) -> Iterator[tuple[str, list[str]]]:
        shown = self._shown()
        for key, value in data.items():
            if key not in self.fields:
                yield key, ["This field is not known."]
            elif self.fields[key].read_only and value != shown.get(key):
                yield key, ["This field is read-only."]

    def _shown(self) -> Mapping[str, object]:
        """What a read shows now. Clients may send it back: what is written has the shape of what is read."""
        return {}
