"""Each bound is stated once: what the database, the API, the admin and other programs hold to is the same number."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from personalities.config import CUSTOM, LENGTHS, MAX_LEVEL, MAX_NOTE_LENGTH, MAX_TEMPERATURE, TRAITS, PersonalityConfig
from personalities.models import Personality, Version

TEXTS = (*CUSTOM, "greeting", "display_name")


@pytest.fixture
def schemas(client: Client) -> dict[str, Any]:
    """The components of the published OpenAPI schema."""
    plain = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).content
    components: dict[str, Any] = json.loads(plain)["components"]["schemas"]
    return components


@pytest.fixture
def form(staff: User) -> Any:
    """The form that the admin shows to add a personality."""
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return admin.site.get_model_admin(Personality).get_form(request)()


def published(name: str) -> int:
    """What a program that reads the configuration's own JSON Schema is told."""
    definitions = msgspec.json.schema(PersonalityConfig)["$defs"]
    owner = "Custom" if name in CUSTOM else "PersonalityConfig"
    field = definitions[owner]["properties"][name]
    longest: int = next(option["maxLength"] for option in field.get("anyOf", [field]) if "maxLength" in option)
    return longest


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.django_db
def test_length__of_a_text__the_same_everywhere(name: str, schemas: dict[str, Any], form: Any) -> None:
    group = schemas["Custom"] if name in CUSTOM else schemas["Personality"]
    column: Any = Personality._meta.get_field(name)
    found = {column.max_length, group["properties"][name]["maxLength"], form.fields[name].max_length, published(name)}
    assert found == {LENGTHS[name]}
    assert name == "display_name" or str(LENGTHS[name]) in str(column.help_text)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.django_db
def test_length__one_more__refused(name: str, user: User, client_of: Callable[[User], APIClient]) -> None:
    def body(length: int) -> dict[str, Any]:
        text = {name: "x" * length}
        return {"personality_name": "mira", **({"custom": text} if name in CUSTOM else text)}

    path = f"custom.{name}" if name in CUSTOM else name
    api = client_of(user)
    refused = api.post("/api/v1/personalities/lint/", body(LENGTHS[name] + 1))
    assert (refused.status_code, list(refused.json()["errors"])) == (400, [path])
    assert api.post("/api/v1/personalities/lint/", body(LENGTHS[name])).status_code == 200


@pytest.mark.django_db
def test_level_and_temperature__greatest__the_same_everywhere(schemas: dict[str, Any], form: Any) -> None:
    levels = {schemas["Traits"]["properties"][trait]["maximum"] for trait in TRAITS}
    assert levels | {form.fields[trait].max_value for trait in TRAITS} == {MAX_LEVEL}
    hottest = schemas["Generation"]["properties"]["temperature"]["maximum"], form.fields["temperature"].max_value
    assert set(hottest) == {MAX_TEMPERATURE}


@pytest.mark.django_db
def test_note__length__the_same_everywhere(schemas: dict[str, Any], form: Any) -> None:
    note_column: Any = Version._meta.get_field("note")
    notes = {schemas[name]["properties"]["note"]["maxLength"] for name in ("PersonalityRequest", "RollbackRequest")}
    assert notes | {form.fields["note"].max_length, note_column.max_length} == {MAX_NOTE_LENGTH}
