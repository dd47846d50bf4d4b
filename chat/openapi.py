"""What chat adds to the OpenAPI schema, which drf-spectacular cannot see because chat is not a DRF view."""

from collections.abc import Collection, Iterator
from http import HTTPStatus
from typing import Any

import msgspec
from django.conf import settings

from chat.addresses import COMPLETIONS, MODEL, MODELS, RESPONSE, RESPONSES
from chat.completions import PROMPT_SHA256
from chat.content_parts import KINDS, allowed_kinds
from chat.openapi_answers import STRUCTS
from chat.requests import ChatRequest
from chat.responses.event_schema import STRUCTS as EVENTS
from chat.responses.requests import ResponsesRequest
from chat.responses.schema import PARTS, relax
from chat.responses.schema import STRUCTS as RESPONSES_STRUCTS

Schema = dict[str, Any]  # a JSON Schema, or a part of an OpenAPI document

REFERENCE = "#/components/schemas/{name}"
NAME, ID = ({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ("name", "id"))
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string"},  # unchecked outside kept conversations
    "description": "In a kept conversation: a repeat with the same key is answered with the stored answer.",
}
PROMPT = {"schema": {"type": "string"}, "description": "Names the prompt that the language model got."}
READING = (401, 404, 429, 500, 503)
ASKING = (400, *READING, 408, 409, 413, 415, 502, 504)

CHAT = """The model is the name of a personality, whose prompt comes before the messages.

With `stream` the answer comes as server-sent events: each is a ChatCompletionChunk or, if something breaks, a last one
is a ChatError; else `[DONE]` is the end. With `metadata.conversation` it is kept in that conversation.
"""
RESPOND = """OpenAI's Responses API: the model is the name of a personality, and `instructions` come after her prompt.

With `stream` the answer comes as server-sent events. With `metadata.conversation` it is kept in that conversation.
"""
KEPT = "An answer that is kept in one of the caller's conversations, by the id that it was given with."
LIST = "The caller's own active personalities and the global ones, each as a model that OpenAI's clients can choose."
GET = "The caller's own active personality of that name, else the global one, as OpenAI's clients see a model."


def add(result: Schema, **_: object) -> Schema:
    """Add the operations of chat, and what they read and answer, to the document."""
    found = components(ChatRequest, *STRUCTS, *RESPONSES_STRUCTS, *EVENTS)
    relax(found)
    _add_extra_parameters(found)
    found["ResponsesEvent"] = _one_of(EVENTS) | {"description": "An event of a streamed response."}
    result["components"]["schemas"] |= _with_allowed_parts(found)
    listing = operation("models", "List the personalities that one can chat with", LIST, "ChatModelList", READING)
    model = operation("model", "Get a personality that one can chat with", GET, "ChatModel", READING, NAME)
    result["paths"] |= {
        COMPLETIONS: {"post": _chat()},
        MODELS: {"get": listing},
        MODEL: {"get": model},
        RESPONSES: {"post": _respond()},
        RESPONSE: {
            "get": operation("response", "Get a response that is kept", KEPT, "ResponsesAnswer", READING, ID),
            "delete": operation("delete_response", "Delete a response", KEPT, "ResponsesDeletion", READING, ID),
        },
    }
    return result


def _add_extra_parameters(components: Schema) -> None:
    """The operator's extra parameters, which may be anything."""
    extra = {name: {"description": "Passed on as it is."} for name in settings.LLM_EXTRA_PARAMETERS}
    for request in (ChatRequest, ResponsesRequest):
        described = components[request.__name__]
        described["properties"] = extra | described["properties"]


def _chat() -> Schema:
    chat = operation("chat", "Chat with a personality", CHAT, "ChatCompletion", ASKING, KEY)
    chat["responses"]["200"]["headers"] = {PROMPT_SHA256: PROMPT}
    return take(chat, "ChatRequest", events=["ChatCompletionChunk", "ChatError"])


def _respond() -> Schema:
    respond = operation("respond", "Have a personality respond", RESPOND, "ResponsesAnswer", ASKING, KEY)
    respond["responses"]["200"]["headers"] = {PROMPT_SHA256: PROMPT}
    return take(respond, "ResponsesRequest", events=["ResponsesEvent"])


def _with_allowed_parts(components: Schema) -> Schema:
    """The components, without parts that the operator does not pass on."""
    if settings.LLM_CONTENT_PART_ADDRESSES:
        del components["ChatMedia"]["properties"]["url"]["pattern"]
        del components["ResponsesInputImage"]["properties"]["image_url"]["pattern"]
    kinds = {name: _kind(schema) for name, schema in components.items()} | PARTS
    left_out = {name for name, kind in kinds.items() if kind not in {None, *allowed_kinds()}}
    references = [REFERENCE.format(name=name) for name in left_out]
    return {name: _without(schema, references) for name, schema in components.items() if name not in left_out}


def _kind(schema: Schema) -> str | None:
    """The kind of message part that the schema describes, if any."""
    kinds = schema.get("properties", {}).get("type", {}).get("enum", [])
    return kinds[0] if len(kinds) == 1 and kinds[0] in KINDS else None


def _without(schema: object, references: Collection[str]) -> object:
    """The same schema without these choices."""
    if isinstance(schema, dict):
        return {name: _without(value, references) for name, value in schema.items() if value not in references}
    if isinstance(schema, list):
        return [_without(value, references) for value in schema if value not in [{"$ref": name} for name in references]]
    return schema


def components(*structs: type[msgspec.Struct]) -> Schema:
    """The schemas of these structs and of all that is in them, by name."""
    found: Schema = msgspec.json.schema_components(structs, ref_template=REFERENCE)[1]
    for schema in _within(found):
        schema.pop("title", None)  # which repeats its name
        schema.pop("default", None)  # generators take a field with a default for one that is always there
        if schema.get("type") == "object" and "properties" not in schema:
            schema.setdefault("additionalProperties", True)  # some take an object without properties for empty
        if all(isinstance(value, str) for value in schema.get("enum", [0])):
            schema["type"] = "string"
        if schema.get("enum") in ([True], [False]):  # generators know no such enums
            schema |= {"type": "boolean", "const": schema.pop("enum")[0]}
    return found


def _one_of(structs: Collection[type[msgspec.Struct]]) -> Schema:
    """Any of these, told apart by their type."""
    found = {str(struct.__struct_config__.tag): REFERENCE.format(name=struct.__name__) for struct in structs}
    discriminator = {"propertyName": "type", "mapping": found}
    return {"oneOf": [{"$ref": reference} for reference in found.values()], "discriminator": discriminator}


def _within(value: object) -> Iterator[Schema]:
    """Every schema inside the value."""
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        if isinstance(inner, dict) and name != "properties":  # whose keys are names of fields
            yield inner
        yield from _within(inner)


def operation(
    id: str, summary: str, description: str, answer: str, failures: tuple[int, ...], *parameters: Schema
) -> Schema:
    """An operation without a body, and the errors that it may end with."""
    content = {"application/json": _schema(answer)}
    error = {"application/json": _schema("ChatError")}
    failed = {str(status): {"description": HTTPStatus(status).phrase, "content": error} for status in sorted(failures)}
    return {
        "operationId": f"openai_{id}",
        "summary": summary,
        "description": description,
        "tags": ["chat"],
        "security": [{"apiKey": []}],
        **({"parameters": [dict(each) for each in parameters]} if parameters else {}),
        "responses": {
            "200": {"description": summary, "content": content},
            **failed,
            "default": {"description": "Any other error.", "content": error},
        },
    }


def take(operation: Schema, body: str, events: list[str]) -> Schema:
    """The operation, with a body, and events as its answer if that asks for a stream."""
    operation["requestBody"] = {"required": True, "content": {"application/json": _schema(body)}}
    kinds = [_schema(name)["schema"] for name in events]
    event = {"anyOf": kinds} if len(kinds) > 1 else kinds[0]
    operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": event}
    return operation


def _schema(name: str) -> Schema:
    return {"schema": {"$ref": REFERENCE.format(name=name)}}
