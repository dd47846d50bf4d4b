"""Whatever schemas OpenAI takes fit into a request, and one that does not is told which parameter is too much."""

import functools
from typing import Any

import pytest

from chat.tests.bodies import M
from chat.tests.test_clients_bodies import passed_on, refused

TEXT = {"type": "string", "description": "A word."}


def schema(properties: dict[str, Any]) -> dict[str, Any]:
    """An object as OpenAI's strict form wants it."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def nested(levels: int) -> dict[str, Any]:
    """Objects in each other, each in a list, and one of several."""

    def around(inner: dict[str, Any], _: int) -> dict[str, Any]:
        return schema({"a": {"anyOf": [{"type": "array", "items": inner}, {"type": "null"}]}})

    return functools.reduce(around, range(levels), TEXT)


def tool(parameters: dict[str, Any], name: str = "f") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def response_format(inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": inner}}


@pytest.mark.parametrize(
    "given",
    [
        {"tools": [tool(nested(10))]},
        {"response_format": response_format(nested(10))},
        {"response_format": response_format(schema({f"p{number}": TEXT for number in range(5000)}))},
        {"tools": [tool(schema({f"p{number}": TEXT for number in range(40)}), f"f{index}") for index in range(128)]},
        {"tools": [tool(schema({f"p{number}": TEXT for number in range(8)}), f"f{index}") for index in range(400)]},
    ],
    ids=["nested tool", "nested answer", "properties", "tools", "many tools"],
)
def test_schema__as_large_as_openai_takes_one__passed_on(given: dict[str, Any]) -> None:
    assert passed_on(**given) == {**given, "messages": M}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"tools": [TEXT, TEXT, TEXT, tool(nested(40))]}, "tools[3].function.parameters"),
        ({"response_format": response_format(nested(40))}, "response_format.json_schema.schema.properties"),
        ({"tools": [tool(schema({f"p{number}": TEXT for number in range(11_000)}))]}, "tools"),
        ({"tools": [tool(schema({f"p{number}": TEXT for number in range(8_500)}))], "stop": ["x"] * 20_000}, "tools"),
        ({"stop": [{"[": '",{'}] * 30_000}, "stop"),
        ({"x" * 100: [""] * 100_000}, "x" * 64),
    ],
)  # fmt: skip
def test_body__more_than_is_read__400_that_names_the_parameter(given: dict[str, Any], param: str) -> None:
    error = refused(**given)
    assert error.param == param
    assert str(error).startswith(f"{param}: At most ")
