"""The list, and what it knows of the cache."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection

from personalities.models import Personality
from personalities.tests.admin.browser import LIST, committing, made
from tooling.processes import SupervisedServer


def queries_of_list(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(LIST).status_code == 200
    return len(queries)


def test_list__8_rows__costs_the_queries_of_one(admin_client: Client, admin_user: User) -> None:
    made("n0", owner=admin_user)
    one = queries_of_list(admin_client)
    for number in range(1, 8):
        made(f"n{number}", owner=admin_user)
    assert queries_of_list(admin_client) == one


def round_trips(redis: Any) -> int:
    """Each request a client sends in one piece is answered in one piece, so reads of its socket count round trips."""
    statistics = redis.info("stats")
    return int(statistics["total_reads_processed"])


def test_list__8_rows__costs_one_round_trip_to_redis(admin_client: Client, own_redis: SupervisedServer) -> None:
    trips, redis = [], get_redis_connection("default")
    for number in range(8):
        made(f"n{number}")
        before = round_trips(redis)
        admin_client.get(LIST)
        trips.append(round_trips(redis) - before)
    assert trips == [2] * 8  # the other one asks for the statistics


@committing
def test_list__copy_in_redis__says_cached(admin_client: Client) -> None:
    made("warm"), made("cold")
    Personality.objects.get_config("warm")
    rows = admin_client.get(LIST).context["cl"].result_list
    assert {row.personality_name: row.is_cached for row in rows} == {"warm": True, "cold": False}


@committing
def test_list__redis_away__still_answers(admin_client: Client, own_redis: SupervisedServer) -> None:
    made()
    Personality.objects.get_config("mira")
    own_redis.stop()
    answer = admin_client.get(LIST)
    assert answer.status_code == 200
    assert not answer.context["cl"].result_list[0].is_cached


@pytest.mark.parametrize("text", ["MIRA", "Shown", "lighthouse", "olga"])
def test_search__name_title_backstory_or_owner__finds_it(admin_client: Client, text: str) -> None:
    made("mira", display_name="Shown", backstory="Kept a lighthouse.", owner=User.objects.create_user("olga"))
    made("other")
    found = admin_client.get(LIST, {"q": text}).context["cl"].result_list
    assert [row.personality_name for row in found] == ["mira"]


@pytest.mark.parametrize(
    ("chosen", "names"),
    [({"owned": "yes"}, {"hers"}), ({"owned": "no"}, {"mira"}), ({"archetype__exact": "wise_mentor"}, {"mira"}),
     ({"is_active__exact": "0"}, {"hers"}), ({"relationship_type__exact": "therapist"}, {"hers"}),
     ({}, {"mira", "hers"})],
)  # fmt: skip
def test_filter__chosen__narrows_the_list(admin_client: Client, chosen: dict[str, str], names: set[str]) -> None:
    made("mira")
    made("hers", archetype="calm_therapist", owner=User.objects.create_user("olga"), is_active=False)
    found = admin_client.get(LIST, chosen).context["cl"].result_list
    assert {row.personality_name for row in found} == names
