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

from personalities.archetypes import ARCHETYPES, EMPTY, NO_ARCHETYPE, complete
from personalities.config import (
    CUSTOM,
    LENGTHS,
    MAX_CHOICE,
    MAX_LEVEL,
    MAX_NOTE_LENGTH,
    MAX_TEMPERATURE,
    PREFERENCES,
    TRAITS,
    PersonalityConfig,
)
from personalities.models import Personality, Version
from personalities.models.personality import RelationshipType
from personalities.names import MAX_LENGTH

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


def test_name__length__the_same_everywhere() -> None:
    column: Any = Personality._meta.get_field("personality_name")
    assert {column.max_length, published("personality_name"), LENGTHS["display_name"]} == {MAX_LENGTH}


@pytest.mark.django_db
def test_model_name__length__the_same_everywhere(schemas: dict[str, Any], form: Any) -> None:
    column: Any = Personality._meta.get_field("model")
    answered = schemas["Generation"]["properties"]["model"]["maxLength"]
    assert {column.max_length, form.fields["model"].max_length, answered} == {LENGTHS["model"]}


@pytest.mark.parametrize(
    ("name", "choices"), [("archetype", ["", *ARCHETYPES]), ("relationship_type", RelationshipType.values)]
)
def test_choice__column__as_wide_as_is_said_and_no_wider_than_copies(name: str, choices: list[str]) -> None:
    column: Any = Personality._meta.get_field(name)
    assert max(map(len, choices)) <= column.max_length == MAX_CHOICE <= LENGTHS[name]


def test_lock__column__as_wide_as_is_said() -> None:
    column: Any = Personality._meta.get_field("locked_preferences")
    assert max(map(len, PREFERENCES)) <= column.base_field.max_length == MAX_CHOICE


def test_defaults__without_an_archetype__those_of_the_model() -> None:
    row = Personality()
    assert {name: getattr(row, name) for name in complete({})} == {**EMPTY, **NO_ARCHETYPE, "locked_preferences": []}
