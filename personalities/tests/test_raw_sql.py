"""Rows that SQL has written as nothing else would: they and their versions are shown, and can be put right."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client
from rest_framework.test import APIClient

from personalities.models import Personality
from personalities.names import RESERVED
from personalities.tests.admin.browser import change_url, form_of, made
from tests.database import sql

pytestmark = pytest.mark.django_db
API = "/api/v1/personalities/"
TABLE = "personalities_personality"


@pytest.fixture
def editor(staff: User, client_of: Callable[[User], APIClient]) -> APIClient:
    """Staff, with an API key."""
    return client_of(staff)


@pytest.fixture
def was_lint() -> Personality:
    """A row that had a reserved name before the database refused them: it is Mira again, in version 3."""
    sql(f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS personality_name_not_reserved")
    row = made("mira")
    for name in ("lint", "mira"):
        sql(f"UPDATE {TABLE} SET personality_name = %s", name)
    row.refresh_from_db()
    return row


@pytest.fixture
def is_lint(was_lint: Personality) -> Personality:
    """A row that still has a reserved name."""
    sql(f"UPDATE {TABLE} SET personality_name = 'lint'")
    return Personality.objects.get()


# ── Reserved names ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_sql__a_reserved_name__refused(name: str) -> None:
    made("mira")
    with pytest.raises(IntegrityError, match="personality_name_not_reserved"):
        sql(f"UPDATE {TABLE} SET personality_name = %s", name)


def test_sql__a_name_that_contains_a_reserved_one__taken() -> None:
    made("mira")
    for name in ("lint-2", "flint", "resolver"):
        sql(f"UPDATE {TABLE} SET personality_name = %s", name)


@pytest.mark.parametrize("path", ["2/", "1...2/", "2...3/"])
def test_version__of_a_reserved_name__shown(editor: APIClient, was_lint: Personality, path: str) -> None:
    answer = editor.get(f"{API}mira/versions/{path}")
    assert answer.status_code == 200
    assert "lint" in answer.content.decode()


def test_rollback__to_a_reserved_name__400_and_names_the_field(editor: APIClient, was_lint: Personality) -> None:
    answer = editor.post(f"{API}mira/rollback/", {"version": 2})
    assert (answer.status_code, answer.json()["errors"]) == (400, {"personality_name": ["'lint' is reserved."]})
    assert editor.post(f"{API}mira/rollback/", {"version": 1}).status_code == 200


def test_admin__history_with_a_reserved_name__shown_and_no_way_back_to_it(
    admin_client: Client, was_lint: Personality
) -> None:
    page = admin_client.get(change_url(was_lint).replace("change", "history"), {"before": 1, "after": 2})
    assert page.status_code == 200
    url = change_url(was_lint).replace("change", "rollback")
    answer = admin_client.post(url, {"version": 2, "seen": 3}, follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        "Version 2 would be refused today. personality_name: 'lint' is reserved."
    ]


def test_admin__row_of_a_reserved_name__shown_and_renamed(admin_client: Client, is_lint: Personality) -> None:
    assert admin_client.get(change_url(is_lint)).status_code == 200
    same = admin_client.post(change_url(is_lint), form_of(is_lint))
    assert list(same.context["adminform"].form.errors) == ["personality_name"]
    assert admin_client.post(change_url(is_lint), form_of(is_lint, personality_name="mira")).status_code == 302
    assert Personality.objects.get().personality_name == "mira"


def test_row__of_a_reserved_name__listed_and_exported(editor: APIClient, is_lint: Personality, tmp_path: Any) -> None:
    assert [each["personality_name"] for each in editor.get(API).json()["results"]] == ["lint"]
    call_command("export_personalities", str(tmp_path), verbosity=0)
    assert (tmp_path / "lint.json").exists()


@pytest.fixture
def _before_refusals() -> Iterator[None]:
    call_command("migrate", "personalities", "0010", verbosity=0)
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_before_refusals")
def test_migrate__rows_that_would_be_refused__kept_as_they_are(editor: APIClient) -> None:
    made("mira")
    made("nova", locked_preferences=["tone"])
    made("vera")
    sql(f"UPDATE {TABLE} SET personality_name = 'lint' WHERE personality_name = 'mira'")
    sql(f"UPDATE {TABLE} SET locked_preferences = '{{{{tone}}}}' WHERE personality_name = 'nova'")
    call_command("migrate", verbosity=0)
    assert [each["personality_name"] for each in editor.get(API).json()["results"]] == ["lint", "nova", "vera"]
    with pytest.raises(IntegrityError, match="personality_name_not_reserved"):
        sql(f"UPDATE {TABLE} SET personality_name = 'resolve' WHERE personality_name = 'vera'")


# ── Arrays of several dimensions ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("locks", ["{{tone,language}}", "{{tone},{language}}"])
def test_sql__locks_of_several_dimensions__refused(locks: str) -> None:
    """They would be read as no locks at all, and could not be saved again."""
    made("mira")
    with pytest.raises(IntegrityError, match="personality_locked_preferences_flat"):
        sql(f"UPDATE {TABLE} SET locked_preferences = %s", locks)


def test_locks__none_or_all_in_one_list__taken() -> None:
    made("mira", locked_preferences=[]).full_clean()
    made("nova", locked_preferences=["tone", "language"]).full_clean()
