"""Changing one: what was not touched stays, or follows the archetype."""

import html
import re

import pytest
from django.test import Client

from personalities.archetypes import ARCHETYPES
from personalities.models import Personality
from personalities.tests.admin.browser import (
    allowed,
    change_url,
    committing,
    form_of,
    made,
    shown_json,
    stored,
)


def test_change__saved_as_it_was__changes_nothing(admin_client: Client) -> None:
    row = made(backstory="One line.\nAnd another. " + "x" * 975 + "\n\n", display_name="Mira Mira")
    before = stored()
    assert admin_client.post(change_url(row), form_of(row)).status_code == 302
    assert stored() == before


@pytest.mark.parametrize("text", ["\nlead", "\n\nlead", "a\r\nb", "a\rb", " a ", "\ta\u2028b"])
def test_change__untouched_text__as_it_was(admin_client: Client, text: str) -> None:
    """Browsers drop a line break at the beginning of a text area, and send every line break as CRLF."""
    row = made(backstory=text)
    page = admin_client.get(change_url(row)).content.decode()
    shown = re.search(r'<textarea name="backstory".*?>(.*?)</textarea>', page, re.S)
    assert shown
    read = html.unescape(shown[1]).replace("\r\n", "\n").replace("\r", "\n").removeprefix("\n").replace("\n", "\r\n")
    assert admin_client.post(change_url(row), form_of(row, backstory=read)).status_code == 302
    row.refresh_from_db()
    assert (row.backstory, row.version) == (text, 1)


def test_change__another_archetype__untouched_fields_follow_and_edited_ones_stay(admin_client: Client) -> None:
    row = made(humor_level=10, greeting="My own.")
    posted = form_of(row, archetype="calm_therapist", formality_level=1)
    assert admin_client.post(change_url(row), posted).status_code == 302
    row.refresh_from_db()
    new = ARCHETYPES["calm_therapist"]
    assert (row.humor_level, row.greeting, row.formality_level) == (10, "My own.", 1)
    assert (row.empathy_level, row.speaking_style) == (new.traits.empathy_level, new.speaking_style)
    assert (row.relationship_type, row.challenges_user) == (new.relationship_type, new.behaviors.challenges_user)


def test_change__trait_left_empty__is_an_error_at_it(admin_client: Client) -> None:
    row = made()
    answer = admin_client.post(change_url(row), form_of(row, humor_level=""))
    assert list(answer.context["adminform"].form.errors) == ["humor_level"]


def test_change__text_cleared__is_empty(admin_client: Client) -> None:
    row = made()
    admin_client.post(change_url(row), form_of(row, greeting=""))
    row.refresh_from_db()
    assert row.greeting == ""


@committing
def test_change__saved__next_lookup_sees_it(admin_client: Client) -> None:
    row = made()
    Personality.objects.get_config("mira")
    admin_client.post(change_url(row), form_of(row, humor_level=9))
    assert Personality.objects.get_config("mira").traits.humor_level == 9


def test_change_form__without_javascript__shows_what_is_stored(admin_client: Client) -> None:
    row = made()
    answer = admin_client.get(change_url(row))
    assert shown_json(answer) == row.to_config().to_dict()
    assert 'role="img"' in answer.content.decode()


def test_change_form__may_only_look__shows_what_is_stored_and_follows_nothing(db: None) -> None:
    row = made()
    answer = allowed("view_personality").get(change_url(row))
    assert shown_json(answer)["personality_name"] == "mira"
    assert "data-url" not in answer.content.decode()
