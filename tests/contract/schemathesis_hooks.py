"""What schemathesis reads otherwise than the service or the generators of clients."""

from collections.abc import Callable
from typing import Any

import django
import jsonschema_rs
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData

django.setup()  # which what follows needs

from chat.addresses import COMPLETIONS, RESPONSES  # noqa: E402
from chat.messages import normalised  # noqa: E402
from chat.parameters import with_effect  # noqa: E402
from chat.responses.requests import fields_of  # noqa: E402

Json = dict[str, Any]
bodies: dict[str, Callable[[Json], bool]] = {}  # of chat, by path: whether a body is as documented


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: Json) -> None:
    """It would have an event described by its fields, where generators want to know what is in its data."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            content = operation["responses"].get("200", {}).get("content", {})
            if "text/event-stream" in content:
                content["text/event-stream"] = {}
    for path in (COMPLETIONS, RESPONSES):
        body = raw_schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        bodies[path] = jsonschema_rs.validator_for(body | {"components": raw_schema["components"]}).is_valid


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """An input of nothing but thoughts asks nothing, which a schema could say only at length."""
    given = body.get("input") if isinstance(body, dict) else None
    kinds = [item.get("type") for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    return not kinds or set(kinds) != {"reasoning"}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """JSON Schema counts 6.0 among the integers, and the service does not."""
    if isinstance(body, dict):
        return {name: map_body(context, value) for name, value in body.items()}
    if isinstance(body, list):
        return [map_body(context, value) for value in body]
    return int(body) if isinstance(body, float) and body.is_integer() and abs(body) < 2**63 else body


@schemathesis.hook
def filter_failure(context: Any, failure: Exception, case: Any, response: Any) -> bool:
    """Chat drops what clients send out of habit and means nothing: what is left of a body is to be as documented."""
    if case.path not in bodies or not isinstance(failure, AcceptedNegativeData):
        return True
    return not bodies[case.path](_left(case.path, case.body))


def _left(path: str, body: Json) -> Json:
    if path == RESPONSES:
        return fields_of(body)
    left = with_effect(body, ())
    messages = left.get("messages")
    return {**left, "messages": normalised(messages)} if isinstance(messages, list) else left
