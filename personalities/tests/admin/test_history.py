"""The history in the admin: who changed what and why, two versions side by side, and the way back to one.

Nobody saves over a version that they have not seen.
"""

import re
import time
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from personalities.models import Event, Personality, Version
from personalities.tests.admin.browser import LIST, allowed, change_url, form_of, made
from rest.concurrency import AT_A_TIME, limited_concurrency
from tests.database import sql

pytestmark = pytest.mark.django_db
SECRET = "Call with sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH."


def history_of(row: Personality) -> str:
    return f"{LIST}{row.pk}/history/"


def roll_back(client: Client, row: Personality, version: Any) -> Any:
    row.refresh_from_db()
    return client.post(f"{LIST}{row.pk}/rollback/", {"version": version, "seen": row.version}, follow=True)


@pytest.fixture
def edited(admin_client: Client) -> Personality:
    row = made(greeting="First.")
    admin_client.post(change_url(row), form_of(row, greeting="Second.", note="Warmer."))
    row.refresh_from_db()
    return row


def test_save__in_the_admin__a_version_with_author_and_note(edited: Personality) -> None:
    latest = edited.versions.first()
    assert latest is not None
    assert (latest.number, latest.author, latest.note) == (2, "admin", "Warmer.")


def test_add_and_delete__in_the_admin__by_whom(admin_client: Client) -> None:
    admin_client.post(f"{LIST}add/", {"personality_name": "mira", "note": "New."})
    row = Personality.objects.get()
    admin_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})
    told = [(each.event, each.author, each.note) for each in Version.objects.filter(personality=row.pk)]
    assert told == [(Event.DELETED, "admin", ""), (Event.CREATED, "admin", "New.")]


def test_save__somebody_else_was_faster__refused_and_what_was_typed_is_kept(
    admin_client: Client, edited: Personality
) -> None:
    answer = admin_client.post(change_url(edited), form_of(edited, seen=1, greeting="Third.", note="Mine."))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Version 2 was saved while you were editing" in page
    assert f"{history_of(edited)}?before=1&amp;after=2" in page
    assert "Third." in page
    assert Personality.objects.get().greeting == "Second."


def test_save__still_the_old_version_after_the_refusal__refused_again(
    admin_client: Client, edited: Personality
) -> None:
    page = admin_client.post(change_url(edited), form_of(edited, seen=1, greeting="Third.")).content.decode()
    assert re.search(r'name="seen" value="1"', page)


@pytest.mark.parametrize("seen", ["", "x", "-1"])
def test_save__without_saying_what_was_seen__refused(admin_client: Client, edited: Personality, seen: str) -> None:
    assert admin_client.post(change_url(edited), form_of(edited, seen=seen, greeting="Third.")).status_code == 200
    assert Personality.objects.get().greeting == "Second."


def test_save__with_a_secret__refused_at_its_field(admin_client: Client, edited: Personality) -> None:
    answer = admin_client.post(change_url(edited), form_of(edited, backstory=SECRET))
    assert list(answer.context["adminform"].form.errors) == ["backstory"]


def test_history__two_versions__fields_and_prompt_side_by_side(admin_client: Client, edited: Personality) -> None:
    admin_client.post(change_url(edited), form_of(edited, humor_level=9))
    page = admin_client.get(history_of(edited)).content.decode()
    assert "traits.humor_level" in page
    assert "Humor 9 of 10" in page
    assert "Warmer." in page
    older = admin_client.get(f"{history_of(edited)}?before=1&after=2").content.decode()
    assert re.search(r"greeting</th>.*First\..*Second\.", older, re.S)


def test_history__hostile_texts__escaped(admin_client: Client) -> None:
    row = made(greeting="<script>alert(1)</script>")
    admin_client.post(change_url(row), form_of(row, greeting="<img src=x>", note="<b>why</b>"))
    page = admin_client.get(history_of(row)).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "<b>why" not in page


def test_history__versions_that_are_costly_to_compare__bounded_in_processor_time(admin_client: Client) -> None:
    row = made(**dict.fromkeys(("backstory", "custom_instructions"), "a\nb\n" * 250))
    Personality.objects.update(**dict.fromkeys(("backstory", "custom_instructions"), "a\na\nb\nb\n" * 125))
    began = time.thread_time()
    page = admin_client.get(history_of(row))
    assert time.thread_time() - began < 2
    assert len(page.context["prompts"]) > 1000


@pytest.mark.parametrize("query", ["?before=99", "?after=x", "?before=-1&after=", f"?before={10**30}"])
def test_history__versions_that_are_none__a_page_all_the_same(
    admin_client: Client, edited: Personality, query: str
) -> None:
    assert admin_client.get(history_of(edited) + query).status_code == 200


def test_history__one_version__nothing_to_compare(admin_client: Client) -> None:
    assert "nothing to compare yet" in admin_client.get(history_of(made())).content.decode()


def test_history__no_version__nothing_to_compare(admin_client: Client) -> None:
    """A restore with triggers switched off leaves a personality without versions."""
    row = made()
    sql("ALTER TABLE personalities_version DISABLE TRIGGER USER")
    sql("DELETE FROM personalities_version")
    sql("ALTER TABLE personalities_version ENABLE TRIGGER USER")
    page = admin_client.get(f"{history_of(row)}?before=1&after=1")
    assert "nothing to compare yet" in page.content.decode()


def test_history__of_nobody__redirected(admin_client: Client) -> None:
    assert admin_client.get(f"{LIST}85c872cd-68db-42d5-9164-a78a7f51a611/history/").status_code == 302


def test_rollback__to_the_first__appended_and_said(admin_client: Client, edited: Personality) -> None:
    answer = roll_back(admin_client, edited, 1)
    edited.refresh_from_db()
    assert (edited.greeting, edited.version) == ("First.", 3)
    assert "It is again what it was in version 1" in answer.content.decode()
    latest = edited.versions.first()
    assert latest is not None
    assert (latest.author, latest.note) == ("admin", "Back to version 1.")


def test_rollback__somebody_has_saved_meanwhile__refused(admin_client: Client, edited: Personality) -> None:
    answer = admin_client.post(f"{LIST}{edited.pk}/rollback/", {"version": 1, "seen": 1}, follow=True)
    assert "Version 2 was saved meanwhile" in answer.content.decode()
    assert Personality.objects.get().greeting == "Second."


@pytest.mark.parametrize("version", ["", "x", "0", "99", str(10**30)])
def test_rollback__to_none__404(admin_client: Client, edited: Personality, version: str) -> None:
    assert roll_back(admin_client, edited, version).status_code == 404


def test_rollback__its_name_is_taken_by_now__said(admin_client: Client, edited: Personality) -> None:
    edited.personality_name = "vega"
    edited.save()
    made()
    assert "Another one is named mira by now" in roll_back(admin_client, edited, 1).content.decode()
    edited.refresh_from_db()
    assert edited.personality_name == "vega"


def test_rollback__to_what_is_refused_today__said(admin_client: Client, edited: Personality) -> None:
    Personality.objects.update(backstory=SECRET)
    Personality.objects.update(backstory="")
    assert "Version 3 would be refused today" in roll_back(admin_client, edited, 3).content.decode()


def test_history__rights__look_or_change(edited: Personality) -> None:
    looking = allowed("view_personality")
    page = looking.get(history_of(edited))
    assert page.status_code == 200
    assert "Roll back" not in page.content.decode()
    assert roll_back(looking, edited, 1).status_code == 403
    User.objects.get(username="sam").user_permissions.set(Permission.objects.none())
    assert looking.get(history_of(edited)).status_code == 403
    assert Client().get(history_of(edited)).status_code == 302
    assert Personality.objects.get().version == 2


def test_preview__as_it_is_typed__prompt_and_findings(admin_client: Client) -> None:
    row = made()
    typed = form_of(row, formality_level=10, playfulness_level=10, humor_level=9)
    panel = admin_client.post(f"{LIST}{row.pk}/preview/", typed).content.decode()
    assert "Humor 9 of 10" in panel
    assert "traits.playfulness_level" in panel
    assert "tokens" in panel


@pytest.mark.parametrize("page", ["history", "preview"])
def test_costly_page__many_of_the_user_are_under_way__429(
    admin_client: Client, edited: Personality, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rest.concurrency.LINE_SECONDS", 0.01)

    def ask() -> Any:
        address = f"{LIST}{edited.pk}/{page}/"
        return admin_client.get(address) if page == "history" else admin_client.post(address, form_of(edited))

    with ExitStack() as stack:
        for _ in range(AT_A_TIME):
            stack.enter_context(limited_concurrency(User.objects.get(username="admin").pk))
        answer = ask()
        assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (429, "1", "text/plain")
    assert ask().status_code == 200
