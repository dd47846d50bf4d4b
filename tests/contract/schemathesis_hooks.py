"""What schemathesis reads otherwise than the service or the generators of clients."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """It would have an event described by its fields, where generators want to know what is in its data."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            content = operation["responses"].get("200", {}).get("content", {})
            if "text/event-stream" in content:
                content["text/event-stream"] = {}


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
