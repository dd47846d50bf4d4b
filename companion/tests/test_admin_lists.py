"""The lists of the admin: whatever stands in their address, they answer soon, and never with an error of ours."""

import html
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiKey
from personalities.tests.admin.browser import made
from rest.admin import ListAdmin
from rest.query_parameters import MAX_SEARCH, MAX_WORDS, SEARCH_BOUND

MODELS: list[type[Model]] = list(admin.site._registry)
HUGE, MANY_DIGITS = "9" * 20, "9" * 5000
VALUES = ["", "x", "-1", "١", HUGE, MANY_DIGITS]
LOOKUPS = [("regex", "("), ("id__regex", "("), ("year", HUGE), ("in", HUGE), ("range", HUGE), ("nonsense", "x")]
MOST_SQL = 20_000  # characters, of all queries of a page together
all_lists = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@pytest.fixture
def client_of_rows(admin_client: Client, admin_user: User) -> Client:
    """Staff who may see everything, and at least one row in each list."""
    admin_user.groups.add(Group.objects.create(name="nova"))
    User.objects.create(username="nova")
    ApiKey.objects.issue(admin_user, "nova")
    made("nova")
    return admin_client


def address(model: type[Model], *parameters: tuple[str, str]) -> str:
    path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{path}?{urlencode(parameters)}"


def hostile(model: type[Model]) -> Iterator[tuple[str, str]]:
    """Parameters that no link of ours has."""
    fields = [field.name for field in model._meta.get_fields()] + ["pk", "nonsense"]
    taken = ["p", "o", "q", "all", "e", "_facets", "_popup", "_to_field", "owned"]
    filters = [name for name in admin.site._registry[model].list_filter if isinstance(name, str)]
    exact = [f"{name}{lookup}" for name in filters for lookup in ("", "__exact", "__isnull", "__id__exact")]
    yield from ((name, value) for name in [*taken, *exact] for value in VALUES)
    yield from ((f"{name}__{lookup}", value) for name in fields for lookup, value in LOOKUPS)
    yield from ((name, HUGE) for name in fields)


@all_lists
def test_odd_parameter__never_an_error_of_ours(client_of_rows: Client, model: type[Model]) -> None:
    client_of_rows.raise_request_exception = False
    given = {parameter: client_of_rows.get(address(model, parameter)).status_code for parameter in hostile(model)}
    assert {parameter: status for parameter, status in given.items() if status not in (200, 302, 400)} == {}


@all_lists
@pytest.mark.parametrize(
    "parameters",
    [
        [("q", "a " * 3900)],
        [("q", "'\" " * 2000)],
        [("q", "a " * 3900), ("_facets", "True")],
        [("is_active__exact", "1")] * 350,
        [("groups__id__exact", "1")] * 350,
    ],
    ids=lambda parameters: f"{parameters[0][0]} {len(parameters)}",
)
def test_long_parameter__little_sql(
    client_of_rows: Client, model: type[Model], parameters: list[tuple[str, str]]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        client_of_rows.get(address(model, *parameters))
    assert sum(len(query["sql"]) for query in queries) < MOST_SQL


@all_lists
def test_lookup_no_filter_asks_for__refused(client_of_rows: Client, model: type[Model]) -> None:
    for field in model._meta.get_fields():
        assert client_of_rows.get(address(model, (f"{field.name}__iregex", "(a*)*b"))).status_code == 400


@all_lists
def test_each_link_of_a_list__works(client_of_rows: Client, model: type[Model]) -> None:
    """What the filters and the columns offer is within the bounds."""
    page = client_of_rows.get(address(model)).content.decode()
    links = set(re.findall(r'href="(\?[^"]+)"', page))
    assert links or model is Group  # it has neither filters nor columns
    for link in links:
        assert client_of_rows.get(address(model).rstrip("?") + html.unescape(link)).status_code == 200, link


@all_lists
@pytest.mark.parametrize("search", ["nova " * (MAX_WORDS + 1), "n" * (MAX_SEARCH + 1)])
def test_search_that_is_too_long__no_rows_and_a_message(
    client_of_rows: Client, model: type[Model], search: str
) -> None:
    answer = client_of_rows.get(address(model, ("q", search.strip()), ("_facets", "True")))
    assert list(answer.context["cl"].result_list) == []
    assert answer.content.decode().count(SEARCH_BOUND) == 1


@all_lists
def test_search_at_the_bound__finds(client_of_rows: Client, model: type[Model]) -> None:
    answer = client_of_rows.get(address(model, ("q", " ".join(["nova"] * MAX_WORDS))))
    assert len(answer.context["cl"].result_list) == 1
    assert SEARCH_BOUND not in answer.content.decode()


def test_action_on_all_of_a_search_that_is_too_long__nothing_deleted(client_of_rows: Client) -> None:
    chosen = {"action": "delete_selected", "select_across": "1", "index": "0", "post": "yes"}
    keys = list(User.objects.values_list("pk", flat=True))
    client_of_rows.post(address(User, ("q", "a " * 20)), chosen | {"_selected_action": keys})
    assert User.objects.count() == len(keys)


@pytest.mark.parametrize("order", ["1.-2." * 1300, ".".join(map(str, range(1500)))], ids=["equal", "different"])
@all_lists
def test_many_columns_to_order_by__cut(client_of_rows: Client, model: type[Model], order: str) -> None:
    changes = client_of_rows.get(address(model, ("o", order))).context["cl"]
    assert changes.params["o"].count(".") < len(changes.list_display)


def test_order_by_each_column__kept(client_of_rows: Client) -> None:
    answer = client_of_rows.get(address(User, ("o", "-1.2.3.4.5")))
    assert answer.context["cl"].get_ordering_field_columns() == {1: "desc", 2: "asc", 3: "asc", 4: "asc", 5: "asc"}


def test_autocomplete_that_is_too_long__little_sql(client_of_rows: Client) -> None:
    field = {"app_label": "personalities", "model_name": "personality", "field_name": "owner"}
    with CaptureQueriesContext(connection) as queries:
        answer = client_of_rows.get(reverse("admin:autocomplete"), field | {"term": "a " * 3900})
    assert answer.json()["results"] == []
    assert sum(len(query["sql"]) for query in queries) < MOST_SQL


@all_lists
def test_every_list__is_bounded(model: type[Model]) -> None:
    assert isinstance(admin.site._registry[model], ListAdmin)
