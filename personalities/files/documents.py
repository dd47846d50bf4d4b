"""One personality as a JSON document, in the shape that the API reads and writes, without `id` and `meta`."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from rest_framework import serializers
from rest_framework.serializers import ValidationError
from rest_framework.settings import api_settings

from personalities.api.serializers import (
    BehaviorsSerializer,
    CustomSerializer,
    GenerationSerializer,
    PersonalitySerializer,
    TraitsSerializer,
    null_to_empty,
)
from personalities.archetypes import FieldValues, complete
from personalities.config import PersonalityConfig
from personalities.lint import new_refusals
from personalities.models import Personality
from rest.fields import StrictSerializer

# DRF's shape: {"traits": {"humor_level": ["…"]}}.
Errors = Mapping[str, "Errors | Sequence[str]"]

DATABASE_FIELDS = ("id", "meta")  # these differ from one database to another, so documents leave them out


def dump(personality: Personality) -> bytes:
    """The document. Equal personalities make equal bytes."""
    whole = personality.to_config().to_dict()
    plain = {field: value for field, value in whole.items() if field not in DATABASE_FIELDS}
    return f"{json.dumps(plain, indent=2, ensure_ascii=False)}\n".encode()


def load(body: bytes, file: str, before: PersonalityConfig | None = None) -> FieldValues:
    """The values of all fields, from the file called `file`: as with POST, the archetype fills what is left out.

    Raises ValidationError with everything that is wrong. The linter's errors count only in fields that differ from
    `before`.
    """
    try:
        serializer = DocumentSerializer(data=_parse(body), context={"file": file})
        serializer.is_valid(raise_exception=True)
    except RecursionError:
        raise invalid_document("This is nested too deeply.") from None
    values = complete(null_to_empty(serializer.validated_data))
    if errors := new_refusals(before, Personality(**values).to_config()):
        raise ValidationError(errors)
    return values


def _parse(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=JSONObject)
    except ValueError as error:  # malformed JSON, bytes that are not UTF-8, an integer of thousands of digits
        raise invalid_document(f"This is not JSON in UTF-8: {error}") from None


def invalid_document(message: str) -> ValidationError:
    """An error of the document as a whole, which belongs to no field of it."""
    return ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [message]})


class JSONObject(dict[str, object]):
    """A JSON object that remembers which of its keys appeared more than once."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.duplicates = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]


class AllErrorsSerializer(StrictSerializer):
    """Reports unknown keys and wrong values together: somebody who mends a file by hand wants to do it once."""

    def to_internal_value(self, data: object) -> dict[str, object]:
        """The values of the document. Raises ValidationError with all that is wrong."""
        errors: Errors = dict(self._refusals(data)) if isinstance(data, Mapping) else {}
        try:
            value: dict[str, object] = super(StrictSerializer, self).to_internal_value(data)
        except ValidationError as error:
            errors = {**cast(Errors, error.detail), **errors}
        if errors:
            raise ValidationError(errors)
        return value

    def _refusals(self, data: Mapping[str, object]) -> Iterator[tuple[str, list[str]]]:
        yield from super()._refusals(data)
        for key in data.duplicates if isinstance(data, JSONObject) else ():
            yield key, ["This key appears twice in the object."]


class DocumentTraits(AllErrorsSerializer, TraitsSerializer):
    """The API's traits, reporting all errors at once."""


class DocumentBehaviors(AllErrorsSerializer, BehaviorsSerializer):
    """The API's behaviors, reporting all errors at once."""


class DocumentCustom(AllErrorsSerializer, CustomSerializer):
    """The API's custom texts, reporting all errors at once."""


class DocumentGeneration(AllErrorsSerializer, GenerationSerializer):
    """The API's generation settings, reporting all errors at once."""


class DocumentSerializer(AllErrorsSerializer, PersonalitySerializer):
    """A whole document; its valid data are values of model fields. The context has the name of the `file`, which must
    be NAME.json.
    """

    id = None  # type: ignore[assignment]  # documents have neither this nor `meta`: see DATABASE_FIELDS
    meta = None  # type: ignore[assignment]
    note = None  # type: ignore[assignment]  # belongs to a single change
    traits = DocumentTraits(required=False, source="*")
    behaviors = DocumentBehaviors(required=False, source="*")
    custom = DocumentCustom(required=False, source="*")
    generation = DocumentGeneration(required=False, source="*")

    def validate_personality_name(self, name: str) -> str:
        """The name. Raises ValidationError when the file is not called NAME.json."""
        if self.context["file"] != f"{name}.json":
            raise serializers.ValidationError(f"{name!r} belongs in {name}.json.")
        return name
