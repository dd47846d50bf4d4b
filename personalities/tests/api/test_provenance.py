"""Each answer says where it came from, and how old it may be."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.models import Personality

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/api/v1/personalities/"
ELARA = f"{LIST}elara/"
Forget = Callable[[], None]


def said(response: Any) -> tuple[str, str]:
    return response["Server-Timing"], response["Age"]


@pytest.mark.parametrize("path", [ELARA, f"{ELARA}id/"])
def test_detail__cold_shared_near__names_the_source(
    reader: APIClient, user: User, elara: Personality, clear_memory: Forget, path: str
) -> None:
    Personality.objects.create(personality_name="elara", owner=user)
    assert said(reader.get(path)) == ('lookup;desc="database"', "0")
    assert said(reader.get(path)) == ('lookup;desc="near"', "0")
    clear_memory()
    assert said(reader.get(path)) == ('lookup;desc="redis"', "0")


def test_detail__nobody_of_that_name__says_where_it_looked(reader: APIClient) -> None:
    assert said(reader.get(f"{LIST}nobody/")) == ('lookup;desc="database"', "0")
    assert said(reader.get(f"{LIST}nobody/")) == ('lookup;desc="near"', "0")


def test_resolve__several__names_the_farthest(reader: APIClient, elara: Personality) -> None:
    reader.get(ELARA)
    assert said(reader.post(f"{LIST}resolve/", {"names": ["elara"]})) == ('lookup;desc="near"', "0")
    assert said(reader.post(f"{LIST}resolve/", {"names": ["elara", "x"]})) == ('lookup;desc="database"', "0")


def test_detail__postgresql_out_of_reach__unverified_with_its_age(
    reader: APIClient, elara: Personality, out_of_touch: Callable[[float], None]
) -> None:
    reader.get(ELARA)
    out_of_touch(100)
    timing, age = said(reader.get(ELARA))
    assert timing == 'lookup;desc="near", unverified'
    assert 100 <= int(age) < 110


def test_detail__out_of_reach_for_too_long__no_copy_is_served(
    reader: APIClient, elara: Personality, out_of_touch: Callable[[float], None]
) -> None:
    reader.get(ELARA)
    out_of_touch(901)
    assert said(reader.get(ELARA)) == ('lookup;desc="database"', "0")
