"""What chat adds to the OpenAPI schema, which drf-spectacular cannot see because chat is not a DRF view."""

from collections.abc import Collection
from typing import Any

import msgspec
from django.conf import settings

from chat.addresses import COMPLETIONS, MODEL, MODELS, RESPONSE, RESPONSES
from chat.content_parts import KINDS, allowed_kinds
from chat.requests import ChatRequest
from chat.responses.schema import PARTS, STRUCTS, relax

Schema = dict[str, Any]  # a JSON Schema, or a part of an OpenAPI document

REFERENCE = "#/components/schemas/{name}"
OBJECT = {"type": "object"}
NAME, ID = ({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ("name", "id"))
TEXT = {"type": "string"}
NULLABLE = {"type": "string", "nullable": True}

COMPONENTS: Schema = {
    "ChatModel": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {"id": TEXT, "object": TEXT, "created": {"type": "integer"}, "owned_by": TEXT},
    },
    "ChatModelList": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": TEXT,
            "data": {"type": "array", "items": {"$ref": REFERENCE.format(name="ChatModel")}},
        },
    },
    "ChatCompletion": {
        "type": "object",
        "required": ["id", "object", "created", "model", "choices"],
        "properties": {
            "id": TEXT,
            "object": TEXT,
            "created": {"type": "integer"},
            "model": TEXT,
            "choices": {"type": "array", "items": OBJECT},
            "usage": OBJECT,
        },
    },
    "ChatError": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {"message": TEXT, "type": TEXT, "param": NULLABLE, "code": NULLABLE},
            }
        },
    },
}


def add(result: Schema, **_: object) -> Schema:
    """A postprocessing hook of drf-spectacular."""
    components: Schema = msgspec.json.schema_components([ChatRequest, *STRUCTS], ref_template=REFERENCE)[1]
    relax(components)
    result["components"]["schemas"] |= COMPONENTS | _with_allowed_parts(components)
    result["paths"] |= {
        COMPLETIONS: {"post": _operation("chat", "Chat with a personality.", "ChatCompletion", body="ChatRequest")},
        RESPONSES: {
            "post": _operation("respond", "Have a personality respond.", "ResponsesAnswer", body="ResponsesRequest")
        },
        RESPONSE: {
            "get": _operation("response", "Get a response that is kept.", "ResponsesAnswer") | {"parameters": [ID]},
            "delete": _operation("delete_response", "Delete one of them.", "ResponsesDeletion") | {"parameters": [ID]},
        },
        MODELS: {"get": _operation("models", "List the personalities you can chat with.", "ChatModelList")},
        MODEL: {"get": _operation("model", "Get one of them.", "ChatModel") | {"parameters": [NAME]}},
    }
    return result


def _with_allowed_parts(components: Schema) -> Schema:
    """Of the parts of messages, those that the operator passes on."""
    if settings.LLM_CONTENT_PART_ADDRESSES:
        del components["ChatMedia"]["properties"]["url"]["pattern"]
        del components["ResponsesInputImage"]["properties"]["image_url"]["pattern"]
    kinds = {name: _kind(schema) for name, schema in components.items()} | PARTS
    left_out = {name for name, kind in kinds.items() if kind not in {None, *allowed_kinds()}}
    references = [REFERENCE.format(name=name) for name in left_out]
    return {name: _without(schema, references) for name, schema in components.items() if name not in left_out}


def _kind(schema: Schema) -> str | None:
    """The kind of part that the schema is of, if it is of one."""
    kinds = schema.get("properties", {}).get("type", {}).get("enum", [])
    return kinds[0] if len(kinds) == 1 and kinds[0] in KINDS else None


def _without(schema: Any, references: Collection[str]) -> Any:
    """The same schema without these choices."""
    if isinstance(schema, dict):
        return {name: _without(value, references) for name, value in schema.items() if value not in references}
    if isinstance(schema, list):
        return [_without(value, references) for value in schema if value not in [{"$ref": name} for name in references]]
    return schema


def _operation(id: str, summary: str, answer: str, *, body: str = "") -> Schema:
    content = {"application/json": _schema(answer)} | ({"text/event-stream": {"schema": TEXT}} if body else {})
    failed = {"description": "An error.", "content": {"application/json": _schema("ChatError")}}
    operation = {
        "operationId": f"openai_{id}",
        "summary": summary,
        "tags": ["chat"],
        "security": [{"apiKey": []}],
        "responses": {"200": {"description": summary, "content": content}, "default": failed},
    }
    request = {"required": True, "content": {"application/json": _schema(body)}}
    return operation | ({"requestBody": request} if body else {})


def _schema(name: str) -> Schema:
    return {"schema": {"$ref": REFERENCE.format(name=name)}}
