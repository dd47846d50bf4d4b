"""An author chooses model and temperature: in the API, the admin, files and SQL, and the history knows of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import Error
from django.test import Client
from rest_framework.test import APIClient

from personalities import history
from personalities.config import PersonalityConfig
from personalities.models import Personality
from personalities.tests.admin.browser import allowed
from personalities.tests.api.conftest import ELARA, LIST
from personalities.tests.api.test_locks import CHANGE, form, sql, write_without
from personalities.tests.files.commands import contents, edit, export, imported
from personalities.tests.files.test_import_refusals import refused

pytestmark = pytest.mark.django_db(transaction=True)
NONE = {"model": None, "temperature": None}
BOTH = {"model": "gpt-4.1-mini", "temperature": 0.8}
FIELD = "generation.model"
BAD_TEMPERATURES: list[Any] = [-0.1, 2.1, 3, 10**99, "0.8", "", True, False, [], {}]
BAD_MODELS: list[Any] = ["", " ", "a b", "a\n", "é", "x" * 101, "a\0", "<x>", 5, 0.5, True, [], {}]
Offer = Callable[..., None]


@pytest.fixture
def offer(settings: Any) -> Offer:
    """What the operator offers, the service's own first."""

    def configure(*models: str) -> None:
        settings.LLM_MODEL, *settings.LLM_MODELS = models

    return configure


def test_api__both__written_and_read(editor: APIClient) -> None:
    made = editor.post(LIST, {"personality_name": "mira", "generation": BOTH})
    assert (made.status_code, made.json()["generation"]) == (201, BOTH)
    read = editor.get(f"{LIST}mira/")
    assert (read.json()["generation"], read["ETag"]) == (BOTH, made["ETag"])


def test_api__left_out__none_kept_by_patch_and_cleared_by_put(editor: APIClient, elara: Personality) -> None:
    assert editor.get(ELARA).json()["generation"] == NONE
    editor.patch(ELARA, {"generation": {"model": "gpt-4.1-mini"}})
    assert editor.patch(ELARA, {"generation": {"temperature": 0.8}}).json()["generation"] == BOTH
    assert editor.patch(ELARA, {"greeting": "Hi."}).json()["generation"] == BOTH
    assert editor.patch(ELARA, {"generation": {"model": None}}).json()["generation"] == NONE | {"temperature": 0.8}
    assert editor.patch(ELARA, {"generation": {"temperature": None}}).json()["generation"] == NONE
    editor.patch(ELARA, {"generation": BOTH})
    replaced = editor.put(ELARA, {"personality_name": "elara"}, headers={"If-Match": "*"})
    assert replaced.json()["generation"] == NONE


@pytest.mark.parametrize("temperature", [0, 1, 2, 0.0, -0.0, 0.1, 2.0, 1e-300, 0.30000000000000004])
def test_api__temperature__to_the_letter_and_no_version_more(
    editor: APIClient, elara: Personality, temperature: float
) -> None:
    """As it is written, read, kept in the history and sent back: one number, and the same bytes."""
    written = editor.patch(ELARA, {"generation": {"temperature": temperature}})
    read = editor.get(ELARA)
    assert read.json()["generation"]["temperature"] == temperature
    assert (written["ETag"], written.content) == (read["ETag"], read.content)
    again = editor.put(ELARA, json.loads(read.content), headers={"If-Match": read["ETag"]})
    assert (again.status_code, again["ETag"]) == (200, read["ETag"])
    assert history.versions(elara)[0].to_config().json == read.content


@pytest.mark.parametrize(
    "model", ["m", "x" * 100, "gpt-4.1-mini", "qwen3:8b", "@cf/meta/llama-3.1", "a+b_c", "ft:gpt:acme::7"]
)
def test_api__name_of_a_model__taken(editor: APIClient, elara: Personality, model: str) -> None:
    assert editor.patch(ELARA, {"generation": {"model": model}}).json()["generation"]["model"] == model


@pytest.mark.parametrize(
    ("generation", "field"),
    [
        *(({"temperature": value}, "generation.temperature") for value in BAD_TEMPERATURES),
        *(({"model": value}, FIELD) for value in BAD_MODELS),
        ({"charm": 5}, "generation.charm"),
        ({"top_p": 1}, "generation.top_p"),
        (None, "generation"),
        ([], "generation"),
        ("gpt-4.1-mini", "generation"),
    ],
)
def test_api__bad__400_names_it(editor: APIClient, elara: Personality, generation: Any, field: str) -> None:
    answer = editor.patch(ELARA, {"generation": generation})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert Personality.objects.values_list("model", "temperature").get() == ("", None)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_api__no_number__400(editor: APIClient, elara: Personality, number: str) -> None:
    body = f'{{"generation": {{"temperature": {number}}}}}'
    assert editor.generic("PATCH", ELARA, body, content_type="application/json").status_code == 400
    assert Personality.objects.get().temperature is None


def test_schema__generation__typed(editor: APIClient) -> None:
    schemas = editor.get("/api/schema/?format=json").json()["components"]["schemas"]
    fields = schemas["Generation"]["properties"]
    assert (fields["model"]["type"], fields["model"]["maxLength"]) == (["string", "null"], 100)
    assert fields["model"]["pattern"] == "^[A-Za-z0-9._:/@+-]+$"
    number = fields["temperature"]
    assert (number["type"], number["minimum"], number["maximum"]) == (["number", "null"], 0, 2)
    assert "#/components/schemas/Generation" in json.dumps(schemas["Personality"]["properties"]["generation"])


def test_history__generation__compared_and_undone(editor: APIClient, elara: Personality) -> None:
    editor.patch(ELARA, {"generation": BOTH})
    found = editor.get(f"{ELARA}versions/1...2/").json()
    assert found["changes"] == [
        {"field": f"generation.{name}", "before": None, "after": value} for name, value in BOTH.items()
    ]
    assert found["prompt"] == ""
    assert editor.post(f"{ELARA}rollback/", {"version": 1}).json()["generation"] == NONE
    assert editor.post(f"{ELARA}rollback/", {"version": 2}).json()["generation"] == BOTH


def test_history__from_before_there_was_any__none(elara: Personality) -> None:
    version = history.versions(elara)[0]
    del version.state["model"], version.state["temperature"]
    assert version.to_config().to_dict()["generation"] == NONE


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "-0.1", "2.1"])
def test_sql__no_temperature__refused(elara: Personality, value: str) -> None:
    with pytest.raises(Error, match="personality_temperature_0_to_2"):
        sql("UPDATE personalities_personality SET temperature = %s", value)


@pytest.mark.parametrize("model", [" ", "a b", "a\n", "é", "x" * 101, None])
def test_sql__no_model__refused(elara: Personality, model: str | None) -> None:
    with pytest.raises(Error):
        sql("UPDATE personalities_personality SET model = %s", model)


def test_sql__minus_zero__read_as_zero(elara: Personality) -> None:
    sql("UPDATE personalities_personality SET temperature = '-0'")
    assert b'"temperature":0.0' in Personality.objects.get_config("elara").json


def test_sql__writer_that_does_not_know_the_columns__none(elara: Personality) -> None:
    Personality.objects.update(**BOTH)
    write_without(*BOTH)
    assert Personality.objects.get().to_config().to_dict()["generation"] == NONE


def test_lookup__edited__the_next_has_it(elara: Personality) -> None:
    Personality.objects.get_config("elara")
    Personality.objects.update(**BOTH)
    config = Personality.objects.get_config("elara")
    assert (config.generation.model, config.generation.temperature) == ("gpt-4.1-mini", 0.8)
    assert PersonalityConfig.from_dict(json.loads(config.json)) == config


def test_files__generation__out_and_in_again(elara: Personality, tmp_path: Path) -> None:
    Personality.objects.update(model="qwen3:8b", temperature=0.30000000000000004)
    export(tmp_path)
    before = contents(tmp_path)
    assert json.loads(before["elara.json"])["generation"] == {"model": "qwen3:8b", "temperature": 0.30000000000000004}
    assert imported(tmp_path)["unchanged"] == ["elara"]
    Personality.objects.all().delete()
    assert imported(tmp_path)["created"] == ["elara"]
    export(tmp_path)
    assert contents(tmp_path) == before


def test_files__from_before_there_was_any__taken(elara: Personality, tmp_path: Path) -> None:
    export(tmp_path)
    document = json.loads((tmp_path / "elara.json").read_bytes())
    del document["generation"]
    (tmp_path / "elara.json").write_text(json.dumps(document), encoding="utf-8")
    assert imported(tmp_path)["unchanged"] == ["elara"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ('{"temperature": NaN}', "generation.temperature"),
        ('{"temperature": 1e999}', "generation.temperature"),
        ('{"temperature": "1"}', "generation.temperature"),
        ('{"model": "a b"}', FIELD),
        ('{"charm": 1}', "generation.charm"),
        ('{"model": "a", "model": "b"}', FIELD),
        ("null", "generation"),
    ],
)
def test_files__bad__named(tmp_path: Path, said: str, field: str) -> None:
    (tmp_path / "mira.json").write_text(f'{{"personality_name": "mira", "generation": {said}}}', encoding="utf-8")
    assert refused(tmp_path) == [("mira.json", field)]


def test_offered__other_model__refused_with_what_there_is(editor: APIClient, elara: Personality, offer: Offer) -> None:
    offer("big-model", "small-model")
    for model in ("small-model", "big-model"):
        assert editor.patch(ELARA, {"generation": {"model": model}}).status_code == 200
    answer = editor.patch(ELARA, {"generation": {"model": "dear-model"}})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [FIELD])
    assert "big-model, small-model" in answer.json()["errors"][FIELD][0]
    assert "dear-model" not in answer.json()["errors"][FIELD][0]
    assert editor.post(LIST, {"personality_name": "mira", "generation": {"model": "dear-model"}}).status_code == 400


def test_offered__no_longer__the_rest_can_be_written_and_the_linter_says_so(
    editor: APIClient, elara: Personality, offer: Offer, tmp_path: Path
) -> None:
    editor.patch(ELARA, {"generation": {"model": "old-model"}})
    offer("big-model")
    assert editor.patch(ELARA, {"greeting": "Hi."}).status_code == 200
    whole = editor.get(ELARA)
    assert editor.put(ELARA, whole.json(), headers={"If-Match": whole["ETag"]}).status_code == 200
    [finding] = editor.post(f"{ELARA}lint/", {}).json()["findings"]
    assert (finding["severity"], finding["rule"], finding["field"]) == ("error", "model-not-offered", FIELD)
    export(tmp_path)
    edit(tmp_path, "elara", greeting="Hello.")
    assert imported(tmp_path)["changed"]
    edit(tmp_path, "elara", generation={"model": "dear-model"})
    assert refused(tmp_path) == [("elara.json", FIELD)]


def test_offered__back_to_a_version_with_another__refused(
    editor: APIClient, admin_client: Client, elara: Personality, offer: Offer
) -> None:
    editor.patch(ELARA, {"generation": {"model": "old-model"}})
    editor.patch(ELARA, {"generation": {"model": None}})
    offer("big-model")
    assert list(editor.post(f"{ELARA}rollback/", {"version": 2}).json()["errors"]) == [FIELD]
    url = f"/admin/personalities/personality/{elara.pk}/rollback/"
    answer = admin_client.post(url, {"version": 2, "seen": 3}, follow=True)
    assert FIELD in str([str(message) for message in answer.context["messages"]])
    assert Personality.objects.get().version == 3


def test_offered__no_language_model_here__any(editor: APIClient, elara: Personality, settings: Any) -> None:
    settings.LLM_MODEL, settings.LLM_MODELS = "", []
    assert editor.patch(ELARA, {"generation": {"model": "dear-model"}}).status_code == 200
    assert editor.post(f"{ELARA}lint/", {}).json()["findings"] == []


def test_admin__fields__show_set_and_clear(admin_client: Client, elara: Personality) -> None:
    url = CHANGE.format(elara.pk)
    assert admin_client.post(url, form(elara, **BOTH)).status_code == 302
    page = admin_client.get(url).content.decode()
    [number] = [tag for tag in page.split("<") if 'name="temperature"' in tag]
    assert all(said in number for said in ('type="number"', 'value="0.8"', 'min="0"', 'max="2', 'step="0.1"'))
    assert 'name="model" value="gpt-4.1-mini"' in page
    elara.refresh_from_db()
    assert admin_client.post(url, form(elara)).status_code == 302
    assert Personality.objects.get().version == elara.version
    assert admin_client.post(url, form(elara, model="", temperature="")).status_code == 302
    assert Personality.objects.get().to_config().to_dict()["generation"] == NONE


def test_admin__temperature_between_the_steps__stays(admin_client: Client, elara: Personality) -> None:
    Personality.objects.update(temperature=0.30000000000000004)
    elara.refresh_from_db()
    assert admin_client.post(CHANGE.format(elara.pk), form(elara)).status_code == 302
    assert Personality.objects.values_list("temperature", "version").get() == (0.30000000000000004, elara.version)


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", "2.5"), ("temperature", "nan"), ("temperature", "hot"), ("model", "a b")]
)
def test_admin__bad__an_error_at_the_field(admin_client: Client, elara: Personality, name: str, value: str) -> None:
    answer = admin_client.post(CHANGE.format(elara.pk), form(elara, **{name: value}))
    assert list(answer.context["adminform"].form.errors) == [name]


def test_admin__model_that_is_not_offered__an_error_at_it_unless_it_was_there(
    admin_client: Client, elara: Personality, offer: Offer
) -> None:
    offer("big-model", "small-model")
    url = CHANGE.format(elara.pk)
    answer = admin_client.post(url, form(elara, model="dear-model"))
    assert "small-model" in str(answer.context["adminform"].form.errors["model"])
    Personality.objects.update(model="old-model")
    elara.refresh_from_db()
    assert admin_client.post(url, form(elara, greeting="Hi.")).status_code == 302


def test_admin__added__zero_is_a_temperature(admin_client: Client) -> None:
    posted = {"personality_name": "mira", "archetype": "wise_mentor", "is_active": "on", "temperature": "0"}
    assert admin_client.post("/admin/personalities/personality/add/", posted).status_code == 302
    assert Personality.objects.get().temperature == 0.0


def test_admin__may_only_look__reads_them(elara: Personality) -> None:
    Personality.objects.update(**BOTH)
    page = allowed("view_personality").get(CHANGE.format(elara.pk)).content.decode()
    assert "gpt-4.1-mini" in page
    assert 'name="temperature"' not in page
