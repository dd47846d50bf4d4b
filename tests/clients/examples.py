"""The smallest value that a JSON schema allows, as far as clients' schemas go."""

from typing import Any

Schema = dict[str, Any]
PLAIN = {"string": "Paris", "integer": 7, "number": 7.5, "boolean": True, "null": None}


def example(schema: Schema, root: Schema | None = None) -> Any:
    """Return a value that `schema` allows; its references are looked up in `root`, by default in itself."""
    root = schema if root is None else root
    if "$ref" in schema:
        return example(_referred(schema["$ref"], root), root)
    if chosen := next((schema[name] for name in ("anyOf", "oneOf", "enum") if name in schema), None):
        return example(chosen[0], root) if isinstance(chosen[0], dict) else chosen[0]
    if "const" in schema:
        return schema["const"]
    return _of_type(schema, root)


def _of_type(schema: Schema, root: Schema) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: example(value, root) for name, value in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema.get("items", {"type": "string"}), root)]
    return PLAIN[kind]


def _referred(reference: str, root: Schema) -> Schema:
    found: Schema = root
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found
