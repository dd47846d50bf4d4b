"""The OpenAPI document is valid, in one dialect, and every operation has what programs and people look for."""

import re
from collections.abc import Iterator
from http import HTTPMethod
from typing import Any

import pytest
from django.test import Client
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

pytestmark = [pytest.mark.apps("chat"), pytest.mark.django_db]
Json = Any
# Programs call their functions after them, so a change of one is a change of the API.
IDS = """
    archetypes_list conversations_create conversations_destroy conversations_export_retrieve conversations_list
    conversations_messages_create conversations_messages_list conversations_partial_update conversations_retrieve
    conversations_upgrade_create openai_chat openai_delete_response openai_model openai_models openai_respond
    openai_response personalities_create personalities_destroy
    personalities_id_retrieve personalities_lint_create personalities_lint_new personalities_list
    personalities_partial_update personalities_prompt_retrieve personalities_resolve_create personalities_retrieve
    personalities_rollback_create personalities_update personalities_versions_compare personalities_versions_list
    personalities_versions_retrieve preferences_destroy preferences_partial_update preferences_prompt_retrieve
    preferences_retrieve preferences_update
"""


@pytest.fixture
def document() -> Json:
    return Client().get("/api/schema/?format=json").json()


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in {each.value.lower() for each in HTTPMethod} & item.keys():
            yield method, path, item[method] | {"parameters": parameters(document, path, method)}


def parameters(document: Json, path: str, method: str) -> list[Json]:
    item = document["paths"][path]
    found: list[Json] = [*item.get("parameters", []), *item[method].get("parameters", [])]
    return found


def contents(operation: Json) -> Iterator[tuple[str, Json]]:
    """What is sent, and what is answered if all went well, with its content type."""
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    for body in (operation.get("requestBody", {}), *answers):
        yield from body.get("content", {}).items()


def test_document__validated__openapi_3_1(document: Json) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    assert "nullable" not in str(document)  # which 3.1 knows as little as JSON Schema does


def test_document__read__says_what_it_is_of(document: Json) -> None:
    assert {"title", "version", "description", "license", "contact"} <= document["info"].keys()
    assert document["servers"]
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert described == {tag for _, _, operation in operations(document) for tag in operation["tags"]}


def test_operations__ids__as_they_have_been_and_different_however_they_are_spelt(document: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert sorted(ids) == sorted(IDS.split())
    assert len({re.sub("[^a-z0-9]", "", id.lower()) for id in ids}) == len(ids)


def test_operations__summaries__plain_words(document: Json) -> None:
    summaries = [operation["summary"] for _, _, operation in operations(document)]
    assert [text for text in summaries if not re.fullmatch(r"[A-Z][^`\n{}]{8,90}[^.]", text)] == []
    assert len(set(summaries)) == len(summaries)


def test_operations__examples__every_body_has_one_that_is_valid(document: Json) -> None:
    wrong = []
    for method, path, operation in operations(document):
        for content_type, content in contents(operation):
            schema = {"components": document["components"], **content["schema"]}
            if "example" not in content:
                wrong.append(f"{method} {path} {content_type}: none")
                continue
            errors = OAS31Validator(schema).iter_errors(content["example"])
            wrong += [f"{method} {path} {content_type}: {error.message}" for error in errors]
    assert wrong == []


def test_responses__examples__name_responses_and_their_items(document: Json) -> None:
    found = document["paths"]["/v1/responses/{id}"]["get"]
    answer = found["responses"]["200"]["content"]["application/json"]["example"]
    ids = found["parameters"][0]["example"], answer["id"], answer["output"][0]["id"]
    assert re.fullmatch("resp_([0-9a-f]{32}) resp_([0-9a-f]{32}) msg_([0-9a-f]{32})", " ".join(ids))


def test_events__each_by_its_type(document: Json) -> None:
    schemas = document["components"]["schemas"]
    found = schemas["ResponsesEvent"]["discriminator"]["mapping"]
    assert schemas["ResponsesEvent"]["oneOf"] == [{"$ref": reference} for reference in found.values()]
    delta = schemas[found["response.output_text.delta"].rpartition("/")[2]]
    assert {"type", "sequence_number", "item_id", "delta"} <= {*delta["required"]}


def test_operations__without_any_body__an_example_of_a_parameter(document: Json) -> None:
    bare = [operation for _, _, operation in operations(document) if not list(contents(operation))]
    assert bare
    assert all(any("example" in each for each in operation["parameters"]) for operation in bare)


def test_operations__that_may_answer_304__take_if_none_match(document: Json) -> None:
    for _, path, operation in operations(document):
        conditional = "If-None-Match" in {each["name"] for each in operation["parameters"]}
        assert conditional == ("304" in operation["responses"]), path


def test_answers__all_json__typed(document: Json) -> None:
    for method, path, operation in operations(document):
        for _, content in contents(operation):
            assert {"$ref", "items", "anyOf"} & content["schema"].keys(), f"{method} {path}"
    schemas = document["components"]["schemas"]
    assert schemas["ChatCompletion"]["properties"]["choices"]["items"] == {"$ref": "#/components/schemas/ChatChoice"}
    assert not {"anyOf", "oneOf"} & schemas["ChatRequest"].keys()
