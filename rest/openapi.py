"""What holds for every operation, added to the OpenAPI document once, so that views describe only what is their own."""

import re
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema

from rest.problems import MEDIA_TYPE

ALWAYS = (400, 401, 404, 406, 429, 503)
WITH_BODY = (408, 413, 415)
BY_METHOD: dict[str, tuple[int, ...]] = {
    "get": (403,),
    "post": (403, 409, 412, *WITH_BODY),
    "put": (403, 409, 412, 428, *WITH_BODY),
    "patch": (403, 409, 412, *WITH_BODY),
    "delete": (403, 412),
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457, with a list of messages by the field at fault.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        "current": {"type": "object", "additionalProperties": True, "description": "With 412: what there is now."},
    },
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
}
CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
NULL = {"type": "null"}
SENTENCE = re.compile(r".+?(?=[.:;](\s|$)|$)", re.DOTALL)


class Operation(AutoSchema):
    """drf-spectacular's description of an operation, with the first sentence of its docstring as the summary."""

    def get_summary(self) -> str:
        """The sentence without its full stop. A view that says it with `extend_schema` is not asked."""
        sentence = SENTENCE.match(self.get_description())
        return " ".join(sentence[0].split()) if sentence else ""


def describe_bodies(schemas: dict[str, Any]) -> None:
    """Document what holds for every body.

    Requests: `rest.fields.StrictSerializer` refuses unknown fields, and a field with a default may be left out, which
    generators that take a default for a value deny. Answers: they have all their fields.
    """
    for name, schema in schemas.items():
        properties = schema.get("properties", {})
        if name.endswith("Request"):
            schema["additionalProperties"] = False
            for field in properties.values():
                field.pop("default", None)
        elif properties:
            schema["required"] = sorted(properties)
        for field in properties.values():
            if len(field.get("allOf", ())) == 1:  # as OpenAPI 3.0 needed it: nothing could stand beside a reference
                field |= field.pop("allOf")[0]


def use_one_null(schemas: dict[str, object]) -> None:
    """Replace drf-spectacular's NullEnum, which generators take for a type of its own, by null itself."""
    if schemas.pop("NullEnum", None):
        _replace(schemas, {"$ref": "#/components/schemas/NullEnum"}, NULL)


def drop_unused(result: dict[str, Any]) -> None:
    """Drop schemas to which nothing refers."""
    schemas = result["components"]["schemas"]
    while unused := schemas.keys() - set(re.findall(r"#/components/schemas/(\w+)", str(result))):
        for name in unused:
            del schemas[name]


def document_problems(result: dict[str, Any]) -> None:
    """Add the error responses that any operation with its HTTP method may give, as problem details."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    responses = result["components"].setdefault("responses", {})
    for operations in result["paths"].values():
        for method, operation in operations.items():
            for status in sorted({*ALWAYS, *BY_METHOD.get(method, ())}):
                name = f"Problem{status}"
                responses[name] = {"description": HTTPStatus(status).phrase, "content": CONTENT}
                operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/{name}"})


def _replace(value: Any, old: object, new: object) -> None:
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if inner == old:
            value[key] = new
        elif isinstance(inner, dict | list):
            _replace(inner, old, new)
