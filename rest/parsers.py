"""JSON from strangers: bounded before it is parsed, and without what PostgreSQL or the next reader would choke on."""

import codecs
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from math import isinf
from typing import IO, Any

from django.utils.http import parse_header_parameters
from rest_framework.exceptions import APIException, UnsupportedMediaType, ValidationError
from rest_framework.parsers import BaseParser

from rest.json_bounds import Bounds, check_structure

MEDIA_TYPE = "application/json"
BOUNDS = Bounds()
MAX_BYTES = BOUNDS.bytes
MAX_TEXT = 200  # characters of a field's name in an error, and of what is said about it
MAX_DIGITS = 100  # of an integer: its time to parse, and to write again, grows with their square

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # NUL and lone surrogates: neither is text to PostgreSQL


class TooLarge(APIException):
    """413: the body has more than `max_bytes`."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"At most {max_bytes} bytes are read.")
        self.errors = {"body": [str(self.detail)]}


class StrictJSONParser(BaseParser):
    """DRF's way to `parse_json`. A view may set `max_bytes` to another bound than 64 KiB."""

    media_type = MEDIA_TYPE

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, object] | None = None
    ) -> Any:
        """The value in `stream`, of which no more is read than is allowed. Raises what `parse_json` raises."""
        max_bytes: int = getattr((parser_context or {}).get("view"), "max_bytes", MAX_BYTES)
        return parse_json(stream.read(max_bytes + 1), media_type or MEDIA_TYPE, BOUNDS._replace(bytes=max_bytes))


def parse_json(body: bytes, media_type: str = MEDIA_TYPE, bounds: Bounds = BOUNDS) -> object:
    """The value of a JSON text in UTF-8: no duplicate keys, NaN, infinity, NUL or lone surrogates, within the bounds,
    at most 100 digits of an integer.

    Raises TooLarge, UnsupportedMediaType for another charset, and else ValidationError by the path at fault.
    """
    _check_charset(media_type)
    if len(body) > bounds.bytes:
        raise TooLarge(bounds.bytes)
    check_structure(body, bounds)
    value = _loads(body.removeprefix(codecs.BOM_UTF8))
    path = _path_to_unstorable(value)
    if path is not None:
        raise ValidationError({path or "body": "NUL, lone surrogates and numbers beyond 1.8e308 are not read."})
    return value


def shortened(text: str, limit: int = MAX_TEXT) -> str:
    """As much of `text` as an error need say: what was sent, even a key, may be as long as the body."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def _check_charset(media_type: str) -> None:
    charset = parse_header_parameters(media_type)[1].get("charset", "utf-8")
    if charset.lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(media_type, f"JSON is read in UTF-8, not in {charset!r:.40}.")


def _loads(body: bytes) -> object:
    try:
        text = body.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_integer)
    except ValueError as error:  # malformed JSON, or bytes that are not UTF-8
        raise ValidationError({"body": f"This is not JSON in UTF-8: {error}"}) from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in pairs:
        if UNSTORABLE.search(key):
            raise ValidationError({"body": "NUL and lone surrogates are not text, nor the name of a field."})
        if key in values:
            raise ValidationError({shortened(key): "This key appears twice in the object."})
        values[key] = value
    return values


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValidationError({"body": f"An integer has at most {MAX_DIGITS} digits."})
    return int(digits)


def _refuse_constant(name: str) -> None:
    raise ValidationError({"body": f"{name} is not a JSON number."})


def _path_to_unstorable(value: object) -> str | None:
    """Where the first text or number stands that PostgreSQL does not take: "" for the value itself, None if nowhere."""
    if isinstance(value, float):
        return "" if isinf(value) else None
    if isinstance(value, str):
        return "" if UNSTORABLE.search(value) else None
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        path = _path_to_unstorable(item)
        if path is not None:
            return shortened(f"{key}.{path}" if path else str(key))
    return None
