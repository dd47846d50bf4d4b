"""The database itself refuses what is no personality: a script with psql gets no further than the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection

from personalities.cache import codec
from personalities.config import TRAITS, PersonalityConfig
from personalities.models import Personality
from personalities.names import default_display_name

pytestmark = pytest.mark.django_db
UNKNOWN_TIMES = ("infinity", "10000-01-01", "0044-03-15 BC")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((trait, level) for trait in TRAITS for level in (-1, 11)),
        ("personality_name", "Elara"),
        ("personality_name", "el:ara"),
        ("personality_name", "elara\n"),
        ("personality_name", ""),
        ("archetype", "villain"),
        ("relationship_type", "enemy"),
        *(("created_at", time) for time in UNKNOWN_TIMES),
        *((column, None) for column in ("personality_name", "humor_level", "backstory", "asks_questions")),
    ],
)
def test_row__impossible_value_by_sql__refused(column: str, value: Any) -> None:
    Personality.objects.create(personality_name="elara")
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(f"UPDATE personalities_personality SET {column} = %s", [value])


@pytest.mark.parametrize("time", UNKNOWN_TIMES)
def test_row__changed_at_a_time_that_python_does_not_know__refused(time: str) -> None:
    Personality.objects.create(personality_name="elara")
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE personalities_personality SET greeting = 'Hi', updated_at = %s", [time])


@pytest.mark.parametrize("value", [0, 1, 7, 2**31 - 1, None])
def test_version__set_by_sql__counted_all_the_same(value: int | None) -> None:
    elara = Personality.objects.create(personality_name="elara")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE personalities_personality SET version = %s, greeting = 'Hi'", [value])
    elara.refresh_from_db()
    assert elara.version == 2


@pytest.mark.parametrize(
    ("column", "limit"),
    [("backstory", 1000), ("custom_instructions", 2000), ("speaking_style", 500), ("greeting", 500)],
)
def test_row__text_by_sql__up_to_its_limit(column: str, limit: int) -> None:
    Personality.objects.create(personality_name="elara")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE personalities_personality SET {column} = %s", ["x" * limit])
        with pytest.raises(DataError):
            cursor.execute(f"UPDATE personalities_personality SET {column} = %s", ["x" * (limit + 1)])


@pytest.mark.parametrize("owned", [False, True])
def test_row__second_of_one_name__refused_also_among_globals(owned: bool, user: User) -> None:
    owner = user if owned else None
    Personality.objects.create(personality_name="elara", owner=owner)
    with pytest.raises(IntegrityError, match="personality_owner_and_name_unique"):
        Personality.objects.create(personality_name="ELARA ", owner=owner)


def test_row__same_name_for_each_owner__allowed(user: User, staff: User) -> None:
    for owner in (None, user, staff):
        Personality.objects.create(personality_name="elara", owner=owner)
    assert Personality.objects.filter(personality_name="Elara").count() == 3


@pytest.mark.parametrize(
    ("column", "value"),
    [("personality_name", "*"), ("humor_level", 11), ("archetype", "villain"), ("greeting", "x" * 501)],
)
def test_full_clean__bad_value__named(column: str, value: Any) -> None:
    with pytest.raises(ValidationError) as error:
        Personality(**{"personality_name": "mira", column: value}).full_clean()
    assert column in error.value.message_dict


def test_config__to_plain_and_back__equal() -> None:
    config = Personality.objects.create(personality_name="elara", backstory="Bridges.").to_config()
    assert PersonalityConfig.from_dict(config.to_dict()) == config
    assert len(codec.fingerprint) == 12


@pytest.mark.parametrize(("name", "people_say"), [("elara", "Elara"), ("mary-jane", "Mary Jane"), ("dr_who", "Dr Who")])
def test_display_name__left_out__made_from_the_name(name: str, people_say: str) -> None:
    assert default_display_name(name) == people_say
    assert str(Personality.objects.create(personality_name=name)) == people_say
