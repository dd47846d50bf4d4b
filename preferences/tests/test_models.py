"""The database itself refuses what is no preference."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import Error, connection

from personalities.config import PREFERENCES
from personalities.prompt.wishes import CHOICES
from preferences.models import Preferences

pytestmark = pytest.mark.django_db


def write(column: str, value: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE preferences_preferences SET {column} = %s", [value])


def test_columns__those_of_wishes(user: User) -> None:
    assert tuple(field.name for field in Preferences._meta.concrete_fields) == ("user", *PREFERENCES)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((name, "rude") for name in CHOICES),
        *((name, None) for name in PREFERENCES),
        *(("language", value) for value in ("german", "DE", "de_DE", "de\n", "de-de")),
        ("call_me", "x" * 51),
        *(
            ("call_me", value)
            for value in ("a\nb", "\n", "a\r", "\x01", "\x1f", "a\x1bb", "\x7f", "\x85", "\x9f", "\u2028", "\u2029")
        ),
    ],
)
def test_row__impossible_value_by_sql__refused(user: User, column: str, value: Any) -> None:
    Preferences.objects.create(user=user)
    with pytest.raises(Error):
        write(column, value)


@pytest.mark.parametrize("tag", ["", "de", "tlh", "pt-BR", "es-419", "zh-Hant", "zh-Hant-TW", "ast-Latn-419"])
def test_row__language_tag_by_sql__taken(user: User, tag: str) -> None:
    Preferences.objects.create(user=user)
    write("language", tag)
    assert Preferences.objects.get().to_wishes().language == (tag or None)


@pytest.mark.parametrize("name", ["", " Sam ", "\xa0", "~", "O'Neil", "👩‍👩‍👧", "ÿ", "\u200f", "{{7*7}}", "^$[]\\x"])
def test_row__name_by_sql__taken_to_the_letter(user: User, name: str) -> None:
    Preferences.objects.create(user=user)
    write("call_me", name)
    assert Preferences.objects.get().call_me == name
