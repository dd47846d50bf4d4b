"""What a document may say: all that the API takes, and every mistake in it is told at once."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from rest_framework import serializers

from personalities.api.serializers import (
    BehaviorsSerializer,
    CustomSerializer,
    GenerationSerializer,
    PersonalitySerializer,
    TraitsSerializer,
)
from rest.fields import StrictSerializer


class JSONObject(dict[str, Any]):
    """Remembers which of its keys stood in it twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]


class Thorough(StrictSerializer):
    """Tells of unknown keys and wrong values together: who mends a file by hand wants to do it once."""

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = self._refusals(data) if isinstance(data, Mapping) else {}
        try:
            value = super(StrictSerializer, self).to_internal_value(data)
        except serializers.ValidationError as error:
            errors = {**cast(dict[str, Any], error.detail), **errors}
        if errors:
            raise serializers.ValidationError(errors)
        return value

    def _refusals(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        twice = data.twice if isinstance(data, JSONObject) else []
        return super()._refusals(data) | {key: ["This key stands twice in one object."] for key in twice}


class DocumentTraits(Thorough, TraitsSerializer):
    pass


class DocumentBehaviors(Thorough, BehaviorsSerializer):
    pass


class DocumentCustom(Thorough, CustomSerializer):
    pass


class DocumentGeneration(Thorough, GenerationSerializer):
    pass


class DocumentSerializer(Thorough, PersonalitySerializer):
    """Valid data are columns. The context names the `file`, which is called as the personality is."""

    id = None  # type: ignore[assignment]  # of this database, and so is `meta`
    meta = None  # type: ignore[assignment]
    note = None  # type: ignore[assignment]  # of one change
    traits = DocumentTraits(required=False, source="*")
    behaviors = DocumentBehaviors(required=False, source="*")
    custom = DocumentCustom(required=False, source="*")
    generation = DocumentGeneration(required=False, source="*")

    def validate_personality_name(self, name: str) -> str:
        if self.context["file"] != f"{name}.json":
            raise serializers.ValidationError(f"{name!r} is said in {name}.json and nowhere else.")
        return name
