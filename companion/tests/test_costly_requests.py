"""Of each address it is known what a request costs at most: those that cost much are bounded per user in number."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from personalities.config import LENGTHS
from personalities.models import Personality
from rest.concurrency import AT_A_TIME, limited_concurrency

pytestmark = pytest.mark.apps("preferences", "conversations", "chat")
NAME, ONE = "api/v1/personalities/<str:name>/", "api/v1/conversations/<uuid:id>/"
QUICK = 0.030  # s of the processor, with the longest personality
ROUNDS = 4  # the first imports much, and a busy machine makes any of them slower
# Those of which few of one user are under way at a time: the addresses, and what is asked there.
COSTLY = {
    "GET api/v1/personalities/": "",
    "POST api/v1/personalities/resolve/": {"names": ["long"]},
    "POST api/v1/personalities/lint/": {"personality_name": "mira"},
    f"GET {NAME}prompt/": "?owner=me",  # any other is made once, and kept
    f"POST {NAME}lint/": {},
    f"GET {NAME}versions/": "",
    f"GET {NAME}versions/<int:before>...<int:after>/": "",
    "GET api/v1/preferences/prompt/<str:name>/": "",
    "GET api/v1/conversations/": "",
    f"POST {ONE}upgrade/": "?dry_run=true",
    f"GET {ONE}messages/": "",
    "GET chat/personalities/search/": "?q=long",
    "GET chat/conversations/<uuid:id>/prompt/": "",
}
# Those that are quick, whatever they are asked for, in the order in which they can be asked.
CHEAP: dict[str, Any] = {
    "GET api/v1/archetypes/": "",
    f"GET {NAME}": "",
    f"GET {NAME}id/": "",
    f"GET {NAME}versions/<int:number>/": "",
    f"PUT {NAME}": {"personality_name": "long"},
    f"PATCH {NAME}": {"greeting": "Hi."},
    f"POST {NAME}rollback/": {"version": 1},
    "POST api/v1/personalities/": {"personality_name": "mira"},
    "GET api/v1/preferences/": "",
    "PUT api/v1/preferences/": {"tone": "calm"},
    "PATCH api/v1/preferences/": {"tone": "calm"},
    "DELETE api/v1/preferences/": None,
    f"GET {ONE}": "",
    f"PATCH {ONE}": {"title": "One."},
    f"POST {ONE}messages/": {"content": "x" * 10_000},
    f"GET {ONE}export/": "",  # two of a user run at a time: `rest.streaming`
    "POST api/v1/conversations/": {"personality": "long"},
    f"DELETE {ONE}": None,
    f"DELETE {NAME}": None,
}


class Caller(NamedTuple):
    """A user with both kinds of clients, and what the parts of addresses stand for."""

    api: APIClient
    page: Client
    user: User
    parts: dict[str, str]

    def send(self, request: str, given: Any) -> Any:
        method, _, route = request.partition(" ")
        for part, value in self.parts.items():
            route = route.replace(part, value)
        client = self.page if route.startswith("chat/") else self.api
        path, body = f"/{route}{given if isinstance(given, str) else ''}", given if isinstance(given, dict) else None
        headers = {"If-Match": "*"} if method in {"PUT", "DELETE"} else {}
        return getattr(client, method.lower())(path, body, headers=headers)


def conversation_with(user: User, personality: Personality) -> str:
    """The id of one with messages that JSON makes as long as they can be."""
    from conversations import pinning, turns
    from conversations.models import MAX_BYTES, Role

    made = pinning.start(user, personality.to_config())
    turns.append(made, [turns.Draft(Role.USER, "\x01" * MAX_BYTES)] * 4)
    return str(made.pk)


def longest(user: User, client_of: Callable[[User], APIClient]) -> Caller:
    """This user, with the longest personality there may be, of many lines, and a long conversation with it."""
    texts = {
        name: "\n".join(chr(0x4E00 + place) for place in range(length // 2))
        for name, length in LENGTHS.items()
        if name in {"custom_instructions", "backstory", "speaking_style", "greeting"}
    }
    row = Personality.objects.create(personality_name="long", owner=user, **texts)
    row.custom_instructions = row.custom_instructions[::-1]
    row.save()
    made = conversation_with(user, row)
    page = Client()
    page.force_login(user)
    parts = {"<str:name>": "long", "<uuid:id>": made, "<int:number>": "1", "<int:before>": "1"}
    return Caller(client_of(user), page, user, parts | {"<int:after>": "2"})


@contextmanager
def places_taken(user: User) -> Iterator[None]:
    """All that this user has at a time."""
    with ExitStack() as stack:
        for _ in range(AT_A_TIME):
            stack.enter_context(limited_concurrency(user.pk))
        yield


def requests(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """Each method of each view of REST, and of the playground's: `GET api/v1/archetypes/`."""
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from requests(pattern.url_patterns, route)
        elif route.startswith(("api/v1/", "chat/")) and (view := getattr(pattern.callback, "view_class", None)):
            methods = {"get", "post", "put", "patch", "delete"} & set(dir(view))
            yield from (f"{method.upper()} {route}" for method in methods)


def test_each_request__costly_or_cheap() -> None:
    assert sorted(requests(get_resolver().url_patterns)) == sorted([*COSTLY, *CHEAP])


@pytest.mark.django_db
@pytest.mark.parametrize("request_", COSTLY)
def test_costly_request__many_of_the_user_are_under_way__429(
    user: User, client_of: Callable[[User], APIClient], request_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = longest(user, client_of)
    monkeypatch.setattr("rest.concurrency.LINE_SECONDS", 0.01)
    with places_taken(user):
        answer = caller.send(request_, COSTLY[request_])
        assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert caller.send(request_, COSTLY[request_]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_cheap_requests__longest_personality_and_many_under_way__answered_within_little_time(
    user: User, client_of: Callable[[User], APIClient]
) -> None:
    slow = set(CHEAP)
    for _ in range(ROUNDS):
        slow &= slow_requests(longest(user, client_of))
        Personality.objects.all().delete()
    assert not slow


def slow_requests(caller: Caller) -> set[str]:
    """Make each of the cheap requests; return those that took more of the processor than they should."""
    spent: dict[str, float] = {}
    with places_taken(caller.user):
        for request, given in CHEAP.items():
            began = time.thread_time()
            assert caller.send(request, given).status_code < 300, request
            spent[request] = time.thread_time() - began
    return {request for request, seconds in spent.items() if seconds > QUICK}
