"""What holds for every operation, added to the OpenAPI schema once, so that views document only what is their own.

Both functions are postprocessing hooks of drf-spectacular, named in its settings.
"""

from http import HTTPStatus
from typing import Any

ALWAYS = (400, 401, 404, 406, 503)
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
        "current": {"type": "object", "description": "With 412: what there is now."},
    },
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
}
CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def forbid_unknown_fields(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Say of every request body what `rest.fields.StrictSerializer` does: unknown fields are refused."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
    return result


def document_problems(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the error responses that any operation with its HTTP method may give, as problem details."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for method, operation in operations.items():
            for status in sorted({*ALWAYS, *BY_METHOD.get(method, ())}):
                problem = {"description": HTTPStatus(status).phrase, "content": CONTENT}
                operation["responses"].setdefault(str(status), problem)
    return result
