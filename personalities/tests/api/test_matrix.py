"""Who may do what to whose: every role with every verb at every address of the API, each answer spelled out."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from accounts.keys import generate
from accounts.models import ApiKey
from personalities.models import Personality

pytestmark = pytest.mark.django_db
BODIES: dict[str, Any] = {"resolve": {"names": ["global"]}, "rollback": {"version": 1}}  # by the end of the path
TABLED_ELSEWHERE = ("preferences/", "conversations/")  # the tests of these apps have tables of their own
VERBS = ("get", "head", "post", "put", "patch", "delete", "options")

# "mine" belongs to ursula. For others it does not exist: 404. A global personality they may see but not write: 403.
# A session without a CSRF token may only read. A wrong or revoked key counts as none, which is always 401.
# NAME stands for the name of the object, 1 for the number of a version.
TABLE = """
personalities/                    whole            user other staff session   200 200 201 405 405 405 200
personalities/                    whole            tokenless                  200 200 403 403 403 403 200
personalities/resolve/            whole            user other staff session   405 405 200 405 405 405 200
personalities/resolve/            whole            tokenless                  405 405 403 403 403 403 200
archetypes/                       whole            user other staff session   200 200 405 405 405 405 200
archetypes/                       whole            tokenless                  200 200 403 403 403 403 200
personalities/NAME/               mine             user                       200 200 405 200 200 204 200
personalities/NAME/               mine             other staff session        404 404 405 404 404 404 200
personalities/NAME/               mine             tokenless                  200 200 403 403 403 403 200
personalities/NAME/               mine-inactive    user                       404 404 405 200 200 204 200
personalities/NAME/               mine-inactive    other staff session        404 404 405 404 404 404 200
personalities/NAME/               mine-inactive    tokenless                  404 404 403 403 403 403 200
personalities/NAME/               global           user other                 200 200 405 403 403 403 200
personalities/NAME/               global           staff session              200 200 405 200 200 204 200
personalities/NAME/               global           tokenless                  200 200 403 403 403 403 200
personalities/NAME/               global-inactive  user other                 404 404 405 404 404 404 200
personalities/NAME/               global-inactive  staff session              404 404 405 200 200 204 200
personalities/NAME/               global-inactive  tokenless                  404 404 403 403 403 403 200
personalities/NAME/               nobodys          user other staff session   404 404 405 404 404 404 200
personalities/NAME/               nobodys          tokenless                  404 404 403 403 403 403 200
personalities/NAME/id/            mine             user                       200 200 405 405 405 405 200
personalities/NAME/id/            mine             other staff session        404 404 405 405 405 405 200
personalities/NAME/id/            mine             tokenless                  200 200 403 403 403 403 200
personalities/NAME/id/            mine-inactive    user other staff session   404 404 405 405 405 405 200
personalities/NAME/id/            mine-inactive    tokenless                  404 404 403 403 403 403 200
personalities/NAME/id/            global           user other staff session   200 200 405 405 405 405 200
personalities/NAME/id/            global           tokenless                  200 200 403 403 403 403 200
personalities/NAME/id/            global-inactive  user other staff session   404 404 405 405 405 405 200
personalities/NAME/id/            global-inactive  tokenless                  404 404 403 403 403 403 200
personalities/NAME/id/            nobodys          user other staff session   404 404 405 405 405 405 200
personalities/NAME/id/            nobodys          tokenless                  404 404 403 403 403 403 200
personalities/lint/               whole            user other staff session   405 405 200 405 405 405 200
personalities/lint/               whole            tokenless                  405 405 403 403 403 403 200
personalities/NAME/prompt/        mine             user                       200 200 405 405 405 405 200
personalities/NAME/prompt/        mine             other staff session        404 404 405 405 405 405 200
personalities/NAME/prompt/        mine             tokenless                  200 200 403 403 403 403 200
personalities/NAME/prompt/        mine-inactive    user                       200 200 405 405 405 405 200
personalities/NAME/prompt/        mine-inactive    other staff session        404 404 405 405 405 405 200
personalities/NAME/prompt/        mine-inactive    tokenless                  200 200 403 403 403 403 200
personalities/NAME/prompt/        global           user other staff session   200 200 405 405 405 405 200
personalities/NAME/prompt/        global           tokenless                  200 200 403 403 403 403 200
personalities/NAME/prompt/        global-inactive  user other                 404 404 405 405 405 405 200
personalities/NAME/prompt/        global-inactive  staff session              200 200 405 405 405 405 200
personalities/NAME/prompt/        global-inactive  tokenless                  404 404 403 403 403 403 200
personalities/NAME/prompt/        nobodys          user other staff session   404 404 405 405 405 405 200
personalities/NAME/prompt/        nobodys          tokenless                  404 404 403 403 403 403 200
personalities/NAME/lint/          mine             user                       405 405 200 405 405 405 200
personalities/NAME/lint/          mine             other staff session        405 405 404 405 405 405 200
personalities/NAME/lint/          mine             tokenless                  405 405 403 403 403 403 200
personalities/NAME/lint/          mine-inactive    user                       405 405 200 405 405 405 200
personalities/NAME/lint/          mine-inactive    other staff session        405 405 404 405 405 405 200
personalities/NAME/lint/          mine-inactive    tokenless                  405 405 403 403 403 403 200
personalities/NAME/lint/          global           user other staff session   405 405 200 405 405 405 200
personalities/NAME/lint/          global           tokenless                  405 405 403 403 403 403 200
personalities/NAME/lint/          global-inactive  user other                 405 405 404 405 405 405 200
personalities/NAME/lint/          global-inactive  staff session              405 405 200 405 405 405 200
personalities/NAME/lint/          global-inactive  tokenless                  405 405 403 403 403 403 200
personalities/NAME/lint/          nobodys          user other staff session   405 405 404 405 405 405 200
personalities/NAME/lint/          nobodys          tokenless                  405 405 403 403 403 403 200
personalities/NAME/versions/      mine             user                       200 200 405 405 405 405 200
personalities/NAME/versions/      mine             other staff session        404 404 405 405 405 405 200
personalities/NAME/versions/      mine             tokenless                  200 200 403 403 403 403 200
personalities/NAME/versions/      mine-inactive    user                       200 200 405 405 405 405 200
personalities/NAME/versions/      mine-inactive    other staff session        404 404 405 405 405 405 200
personalities/NAME/versions/      mine-inactive    tokenless                  200 200 403 403 403 403 200
personalities/NAME/versions/      global           user other                 403 403 405 405 405 405 200
personalities/NAME/versions/      global           staff session              200 200 405 405 405 405 200
personalities/NAME/versions/      global           tokenless                  403 403 403 403 403 403 200
personalities/NAME/versions/      global-inactive  user other                 404 404 405 405 405 405 200
personalities/NAME/versions/      global-inactive  staff session              200 200 405 405 405 405 200
personalities/NAME/versions/      global-inactive  tokenless                  404 404 403 403 403 403 200
personalities/NAME/versions/      nobodys          user other staff session   404 404 405 405 405 405 200
personalities/NAME/versions/      nobodys          tokenless                  404 404 403 403 403 403 200
personalities/NAME/versions/1/    mine             user                       200 200 405 405 405 405 200
personalities/NAME/versions/1/    mine             other staff session        404 404 405 405 405 405 200
personalities/NAME/versions/1/    mine             tokenless                  200 200 403 403 403 403 200
personalities/NAME/versions/1/    mine-inactive    user                       200 200 405 405 405 405 200
personalities/NAME/versions/1/    mine-inactive    other staff session        404 404 405 405 405 405 200
personalities/NAME/versions/1/    mine-inactive    tokenless                  200 200 403 403 403 403 200
personalities/NAME/versions/1/    global           user other                 403 403 405 405 405 405 200
personalities/NAME/versions/1/    global           staff session              200 200 405 405 405 405 200
personalities/NAME/versions/1/    global           tokenless                  403 403 403 403 403 403 200
personalities/NAME/versions/1/    global-inactive  user other                 404 404 405 405 405 405 200
personalities/NAME/versions/1/    global-inactive  staff session              200 200 405 405 405 405 200
personalities/NAME/versions/1/    global-inactive  tokenless                  404 404 403 403 403 403 200
personalities/NAME/versions/1/    nobodys          user other staff session   404 404 405 405 405 405 200
personalities/NAME/versions/1/    nobodys          tokenless                  404 404 403 403 403 403 200
personalities/NAME/versions/1...1/ mine             user                       200 200 405 405 405 405 200
personalities/NAME/versions/1...1/ mine             other staff session        404 404 405 405 405 405 200
personalities/NAME/versions/1...1/ mine             tokenless                  200 200 403 403 403 403 200
personalities/NAME/versions/1...1/ mine-inactive    user                       200 200 405 405 405 405 200
personalities/NAME/versions/1...1/ mine-inactive    other staff session        404 404 405 405 405 405 200
personalities/NAME/versions/1...1/ mine-inactive    tokenless                  200 200 403 403 403 403 200
personalities/NAME/versions/1...1/ global           user other                 403 403 405 405 405 405 200
personalities/NAME/versions/1...1/ global           staff session              200 200 405 405 405 405 200
personalities/NAME/versions/1...1/ global           tokenless                  403 403 403 403 403 403 200
personalities/NAME/versions/1...1/ global-inactive  user other                 404 404 405 405 405 405 200
personalities/NAME/versions/1...1/ global-inactive  staff session              200 200 405 405 405 405 200
personalities/NAME/versions/1...1/ global-inactive  tokenless                  404 404 403 403 403 403 200
personalities/NAME/versions/1...1/ nobodys          user other staff session   404 404 405 405 405 405 200
personalities/NAME/versions/1...1/ nobodys          tokenless                  404 404 403 403 403 403 200
personalities/NAME/rollback/      mine             user                       405 405 200 405 405 405 200
personalities/NAME/rollback/      mine             other staff session        405 405 404 405 405 405 200
personalities/NAME/rollback/      mine             tokenless                  405 405 403 403 403 403 200
personalities/NAME/rollback/      mine-inactive    user                       405 405 200 405 405 405 200
personalities/NAME/rollback/      mine-inactive    other staff session        405 405 404 405 405 405 200
personalities/NAME/rollback/      mine-inactive    tokenless                  405 405 403 403 403 403 200
personalities/NAME/rollback/      global           user other                 405 405 403 405 405 405 200
personalities/NAME/rollback/      global           staff session              405 405 200 405 405 405 200
personalities/NAME/rollback/      global           tokenless                  405 405 403 403 403 403 200
personalities/NAME/rollback/      global-inactive  user other                 405 405 404 405 405 405 200
personalities/NAME/rollback/      global-inactive  staff session              405 405 200 405 405 405 200
personalities/NAME/rollback/      global-inactive  tokenless                  405 405 403 403 403 403 200
personalities/NAME/rollback/      nobodys          user other staff session   405 405 404 405 405 405 200
personalities/NAME/rollback/      nobodys          tokenless                  405 405 403 403 403 403 200
"""
LINES = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [
    (line[0], line[1], role, tuple(map(int, line[-len(VERBS) :]))) for line in LINES for role in line[2 : -len(VERBS)]
]
PLACES = list(dict.fromkeys((route, whose) for route, whose, _, _ in CELLS))
STRANGERS = ("anonymous", "wrong", "revoked")
ROLES = ("user", "other", "staff", "session", "tokenless")


def routes(resolver: URLResolver) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from (f"{pattern.pattern}{rest}" for rest in routes(pattern))
        elif isinstance(pattern, URLPattern):
            yield re.sub(r"<int:\w+>", "1", str(pattern.pattern).replace("<str:name>", "NAME"))


@pytest.fixture
def client_as(user: User, staff: User, client_of: Callable[[User], APIClient]) -> Callable[[str], APIClient]:
    """Create the objects of the table; return a function that makes a client in a given role."""
    for name, owner in {"mine": user, "global": None}.items():
        Personality.objects.create(personality_name=name, owner=owner)
        Personality.objects.create(personality_name=f"{name}-inactive", owner=owner, is_active=False)
    people = {"user": user, "other": User.objects.create_user("otto"), "staff": staff}

    def make(role: str) -> APIClient:
        if role in people:
            return client_of(people[role])
        client = APIClient(enforce_csrf_checks=role == "tokenless")
        if role == "wrong":
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {generate()}")
        elif role == "revoked":
            client = client_of(user)
            ApiKey.objects.get(user=user).revoke()
        elif role != "anonymous":
            client.force_login({"session": staff, "tokenless": user}[role])
        return client

    return make


def answers(client: APIClient, route: str, name: str) -> tuple[int, ...]:
    before = list(Personality.objects.values())
    path = f"/api/v1/{route.replace('NAME', name)}"
    return tuple(_answer(client, path, name, verb, before) for verb in VERBS)


def _answer(client: APIClient, path: str, name: str, verb: str, before: list[Any]) -> int:
    """The status. What the request wrote is undone; if it was refused, it must not have written anything."""
    body = BODIES.get(path.split("/")[-2], {"personality_name": "new" if "whole" in name else name})
    given: dict[str, Any] = {} if verb in {"get", "head"} else {"data": body, "headers": {"If-Match": "*"}}
    with transaction.atomic():
        status = getattr(client, verb)(path, **given).status_code
        assert status < 400 or list(Personality.objects.values()) == before, (path, verb)
        transaction.set_rollback(True)
    return int(status)


def test_table__every_route_of_the_api_and_every_role__stands_in_it() -> None:
    found = {route.removeprefix("api/v1/") for route in routes(get_resolver()) if route.startswith("api/")}
    ours = {route for route in found if route.startswith(("personalities/", "archetypes/"))}
    others = {route for route in found - ours if not route.startswith(TABLED_ELSEWHERE)}
    assert others == {"api/schema/", "api/docs/"}
    assert ours == {route for route, _, _, _ in CELLS}
    assert {(*place, role) for place in PLACES for role in ROLES} == {cell[:3] for cell in CELLS}
    assert len(CELLS) == len(PLACES) * len(ROLES)


@pytest.mark.parametrize(("route", "whose", "role", "expected"), CELLS)
def test_api__role_and_object__as_the_table_says(
    client_as: Callable[[str], APIClient], route: str, whose: str, role: str, expected: tuple[int, ...]
) -> None:
    assert dict(zip(VERBS, answers(client_as(role), route, whose), strict=True)) == dict(
        zip(VERBS, expected, strict=True)
    )


@pytest.mark.parametrize("role", STRANGERS)
@pytest.mark.parametrize(("route", "whose"), PLACES)
def test_api__who_has_no_key__401_for_everything(
    client_as: Callable[[str], APIClient], route: str, whose: str, role: str
) -> None:
    assert set(answers(client_as(role), route, whose)) == {401}
