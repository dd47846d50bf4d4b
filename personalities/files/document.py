"""One personality as a JSON document, in the shape that the API reads and writes, without `id` and `meta`."""

import json
from typing import Any

from rest_framework.serializers import ValidationError

from personalities.api.drafts import stored
from personalities.config import PersonalityConfig
from personalities.files.serializers import DocumentSerializer, JSONObject
from personalities.lint import new_refusals
from personalities.models import Personality
from personalities.seeds import complete

OF_THE_DATABASE = ("id", "meta")


def plain(personality: Personality) -> dict[str, Any]:
    """What its document says."""
    whole = personality.to_config().to_dict()
    return {field: value for field, value in whole.items() if field not in OF_THE_DATABASE}


def dump(personality: Personality) -> bytes:
    """Equal personalities make equal bytes."""
    return f"{json.dumps(plain(personality), indent=2, ensure_ascii=False)}\n".encode()


def load(body: bytes, file: str, before: PersonalityConfig | None = None) -> dict[str, Any]:
    """All columns of the personality in `file`: as with POST, the archetype fills what is left out.

    Raises ValidationError with everything that is wrong; what the linter refuses counts unless it was so `before`.
    """
    try:
        serializer = DocumentSerializer(data=_parse(body), context={"file": file})
        serializer.is_valid(raise_exception=True)
    except RecursionError:
        raise _wrong("This is nested too deeply.") from None
    columns = complete(stored(serializer.validated_data))
    if errors := new_refusals(before, Personality(**columns).to_config()):
        raise ValidationError(errors)
    return columns


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=JSONObject)
    except ValueError as error:  # malformed JSON, bytes that are not UTF-8, an integer of thousands of digits
        raise _wrong(f"This is not JSON in UTF-8: {error}") from None


def _wrong(message: str) -> ValidationError:
    """Of the document as a whole, in DRF's words."""
    return ValidationError({"non_field_errors": [message]})
