"""The panel beside the form."""

import re
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from personalities.archetypes import ARCHETYPES
from personalities.models import Personality
from personalities.tests.admin.browser import (
    HOSTILE,
    LIST,
    allowed,
    change_url,
    committing,
    form_of,
    made,
    shown_json,
    stored,
)


def preview_url(pk: UUID | None = None) -> str:
    return reverse("admin:personalities_personality_preview", args=[pk] if pk else [])


def test_preview__changed_form__shows_it_and_stores_nothing(admin_client: Client) -> None:
    row = made()
    posted = form_of(row, humor_level=10, display_name="Mi")
    before = stored()
    answer = admin_client.post(preview_url(row.pk), posted)
    shown = shown_json(answer)
    assert (shown["id"], shown["traits"]["humor_level"], shown["display_name"]) == (str(row.pk), 10, "Mi")
    assert "Humor 10" in answer.content.decode()
    assert stored() == before


def test_preview__another_archetype__says_what_follows(admin_client: Client) -> None:
    row = made(humor_level=10)
    answer = admin_client.post(preview_url(row.pk), form_of(row, archetype="calm_therapist"))
    followed = re.search(r"Follows the new archetype: (.*?)\.</p>", answer.content.decode())
    assert followed
    assert "Empathy level" in followed[1]
    assert "Humor level" not in followed[1]
    assert shown_json(answer)["traits"]["empathy_level"] == ARCHETYPES["calm_therapist"].traits.empathy_level


def test_preview__new_personality__has_no_id_yet(admin_client: Client) -> None:
    shown = shown_json(admin_client.post(preview_url(), {"personality_name": "MIRA", "archetype": "wise_mentor"}))
    assert (shown["id"], shown["personality_name"], shown["display_name"]) == (None, "mira", "Mira")
    assert not Personality.objects.exists()


def test_preview__mistakes__are_said_instead_of_json(admin_client: Client) -> None:
    made("mira")
    posted = {"personality_name": "mira", "humor_level": "11", "archetype": "wise_mentor"}
    text = admin_client.post(preview_url(), posted).content.decode()
    assert "<strong>Humor level</strong>" in text
    assert "<pre" not in text
    assert "<svg" in text


def test_preview__name_taken__is_said(admin_client: Client) -> None:
    made("mira")
    assert b"of this name already" in admin_client.post(preview_url(), {"personality_name": "mira"}).content


def test_preview__anonymous__is_sent_to_log_in(client: Client, db: None) -> None:
    answer = client.post(preview_url(), {"personality_name": "mira"})
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")


def test_preview__staff_without_view_permission__is_refused(db: None) -> None:
    row = made()
    client = allowed("add_personality")
    assert client.post(preview_url(), {"personality_name": "mira"}).status_code == 403
    assert client.post(preview_url(row.pk), {}).status_code == 403


def test_preview__may_only_look__shows_what_is_stored(db: None) -> None:
    row = made()
    answer = allowed("view_personality").post(preview_url(row.pk), form_of(row, humor_level=10))
    assert shown_json(answer) == row.to_config().to_dict()


def test_preview__get__is_refused(admin_client: Client) -> None:
    assert admin_client.get(preview_url()).status_code == 405


def test_preview__without_csrf_token__is_refused(admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(preview_url(), {"personality_name": "mira"}).status_code == 403


def test_preview__row_gone__is_not_found(admin_client: Client) -> None:
    assert admin_client.post(preview_url(UUID(int=0)), {}).status_code == 404


def test_pages__hostile_text__stays_text(admin_client: Client) -> None:
    row = made(display_name=HOSTILE[:100], backstory=HOSTILE, greeting=HOSTILE)
    preview = admin_client.post(preview_url(row.pk), form_of(row))
    for answer in (admin_client.get(LIST), admin_client.get(change_url(row)), preview):
        text = answer.content.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
    assert shown_json(preview)["greeting"] == HOSTILE


@committing
def test_change__saved__the_api_reads_it_at_once(admin_client: Client, admin_user: User, client_of: Any) -> None:
    row, program = made(humor_level=1), client_of(admin_user)
    url = "/api/v1/personalities/mira/"
    assert program.get(url).json()["traits"]["humor_level"] == 1
    assert admin_client.post(change_url(row), form_of(row, humor_level=9)).status_code == 302
    assert program.get(url).json()["traits"]["humor_level"] == 9


def test_form__of_one_who_answers_the_user__leads_to_a_talk_with_her(admin_client: Client) -> None:
    row, otto = made("mira"), User.objects.create_user("otto")
    link = f'href="{reverse("playground")}?personality=mira"' if "chat" in settings.COMPANION_APPS else "nothing"
    expected = int(link != "nothing")
    assert admin_client.get(change_url(row)).content.decode().count(link) == expected
    wrong = admin_client.post(change_url(row), form_of(row, personality_name="no name"))
    assert wrong.content.decode().count(link) == expected, "as she is stored"
    for unreachable in ({"is_active": False}, {"is_active": True, "owner": otto}):
        Personality.objects.filter(pk=row.pk).update(**unreachable)
        assert link not in admin_client.get(change_url(row)).content.decode()
