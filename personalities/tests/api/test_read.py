from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.models import Personality
from personalities.tests.api.conftest import ELARA, LIST

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("spelling", ["elara", "ELARA", "%20elara", "%EF%BD%85lara"])
def test_detail__any_spelling__the_configuration(reader: APIClient, elara: Personality, spelling: str) -> None:
    response = reader.get(f"{LIST}{spelling}/")
    assert response.status_code == 200
    assert response.json() == elara.to_config().to_dict()


def test_detail__head__as_get(reader: APIClient, elara: Personality) -> None:
    assert reader.head(ELARA).status_code == 200


def test_id__known__only_the_id(reader: APIClient, elara: Personality) -> None:
    assert reader.get(f"{ELARA}id/").json() == {"id": str(elara.id)}


@pytest.mark.parametrize("path", [f"{LIST}nobody/", f"{LIST}nobody/id/", f"{LIST}*/", f"{LIST}a:id/", f"{LIST}a%0Ab/",
                                  f"{LIST}{'x' * 100_000}/", f"{LIST}%00/", f"{LIST}%ff/"])  # fmt: skip
def test_detail__no_such_personality__404_names_the_name(reader: APIClient, path: str) -> None:
    response = reader.get(path)
    assert response.status_code == 404
    assert response.json()["errors"]["name"]
    assert len(response.content) < 1000


@pytest.mark.parametrize("path", [f"{LIST}..%2f..%2fadmin/", f"{LIST}a/b/c/", "/api/v1/", "/api/nothing"])
def test_path__no_route__404_as_a_problem(reader: APIClient, path: str) -> None:
    response = reader.get(path)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_detail__inactive__404_for_all(editor: APIClient, elara: Personality) -> None:
    Personality.objects.update(is_active=False)
    assert editor.get(ELARA).status_code == 404


def test_detail__own_and_global__own_for_its_owner(
    reader: APIClient, editor: APIClient, elara: Personality, user: User
) -> None:
    Personality.objects.create(personality_name="elara", owner=user)
    assert reader.get(ELARA).json()["meta"]["owner"] == user.pk
    assert editor.get(ELARA).json()["meta"]["owner"] is None


@pytest.mark.django_db(transaction=True)
def test_detail__saved_after_a_read__the_next_read_is_new(reader: APIClient, elara: Personality) -> None:
    assert reader.get(ELARA).json()["traits"]["humor_level"] == 5
    elara.humor_level = 2
    elara.save()
    assert reader.get(ELARA).json()["traits"]["humor_level"] == 2


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["personality_name"] for row in response.json()["results"]]


@pytest.fixture
def three(elara: Personality) -> None:
    Personality.objects.create(personality_name="nova", archetype="pragmatic_advisor", backstory="Ledgers.")
    Personality.objects.create(personality_name="isla", is_active=False)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["elara", "isla", "nova"]),
        ("?archetype=wise_mentor", ["elara"]),
        ("?is_active=false", ["isla"]),
        ("?is_active=true", ["elara", "nova"]),
        ("?search=ledger", ["nova"]),
        ("?search=*", []),
        ("?ordering=-personality_name", ["nova", "isla", "elara"]),
        ("?page_size=2&page=2", ["nova"]),
    ],
)
def test_list__query__filtered_and_ordered(editor: APIClient, three: None, query: str, expected: list[str]) -> None:
    assert names(editor.get(LIST + query)) == expected


def test_list__reader__no_inactive_globals_and_nobody_elses(reader: APIClient, three: None, staff: User) -> None:
    Personality.objects.create(personality_name="secret", owner=staff)
    assert names(reader.get(LIST)) == ["elara", "nova"]


@pytest.mark.parametrize("field", ["archetype", "is_active", "ordering", "archetyp", "owner"])
def test_list__bad_query__400_names_the_parameter(reader: APIClient, field: str) -> None:
    response = reader.get(f"{LIST}?{field}=password")
    assert response.status_code == 400
    assert field in response.json()["errors"]


@pytest.mark.parametrize("field", ["archetype", "is_active"])
def test_list__empty_parameter__400_names_it(reader: APIClient, field: str) -> None:
    response = reader.get(f"{LIST}?{field}=")
    assert response.status_code == 400
    assert field in response.json()["errors"]


@pytest.mark.parametrize("page", ["100000000000000000000", "-1", "0", "x"])
def test_list__no_such_page__404(reader: APIClient, page: str) -> None:
    assert reader.get(f"{LIST}?page={page}").status_code == 404


def test_list__rows__same_shape_as_detail(reader: APIClient, elara: Personality) -> None:
    assert reader.get(LIST).json()["results"] == [reader.get(ELARA).json()]


def test_list__rows_that_are_equal_in_the_order__each_once(editor: APIClient) -> None:
    Personality.objects.bulk_create([Personality(personality_name=f"p{n}") for n in range(20)])
    seen: list[str] = []
    for page in (1, 2, 3, 4):
        seen += names(editor.get(f"{LIST}?ordering=archetype&page_size=5&page={page}"))
        Personality.objects.filter(personality_name=seen[-1]).update(humor_level=page)  # moves the row in the table
    assert len(set(seen)) == 20


@pytest.mark.parametrize("size", ["0", "-1", "201", "x", "", "1e3", "١"])
def test_list__bad_page_size__400(reader: APIClient, size: str) -> None:
    response = reader.get(f"{LIST}?page_size={size}")
    assert response.status_code == 400
    assert "page_size" in response.json()["errors"]


def test_list__without_the_slash__a_read_is_sent_on_and_a_write_refused(editor: APIClient) -> None:
    assert editor.get(LIST.rstrip("/")).status_code == 301
    assert editor.post(LIST.rstrip("/"), {"personality_name": "mira"}).status_code == 404


def test_list__many_rows__constant_queries(reader: APIClient, django_assert_num_queries: Any) -> None:
    Personality.objects.bulk_create([Personality(personality_name=f"p{n}") for n in range(40)])
    with django_assert_num_queries(4):  # the key, its user, the count, the page
        reader.get(LIST)


def test_resolve__known_and_unknown__both_said(reader: APIClient, elara: Personality) -> None:
    response = reader.post(f"{LIST}resolve/", {"names": ["Elara", "nobody", "nobody"]})
    assert response.json() == {"personalities": {"Elara": elara.to_config().to_dict()}, "missing": ["nobody"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "names"),
        ({"names": []}, "names"),
        ({"names": "elara"}, "names"),
        ({"names": None}, "names"),
        ({"names": ["x"] * 101}, "names"),
        ({"names": ["elara", "*"]}, "names.1"),
        ({"names": [5]}, "names.0"),
        ({"names": ["elara"], "x": 1}, "x"),
        ([], "body"),
    ],
)
def test_resolve__bad_names__400_names_the_field(reader: APIClient, body: Any, field: str) -> None:
    response = reader.post(f"{LIST}resolve/", body)
    assert response.status_code == 400
    assert field in response.json()["errors"]


def test_archetypes__nine__each_complete(reader: APIClient) -> None:
    archetypes = reader.get("/api/v1/archetypes/").json()
    assert len(archetypes) == 9
    assert all(len(archetype["traits"]) == 8 and archetype["speaking_style"] for archetype in archetypes)
