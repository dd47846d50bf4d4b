"""Pages of personalities are bounded in bytes: one of long ones ends early, and `next` goes on behind its last."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.api.lists import MAX_PAGE_BYTES
from personalities.config import CUSTOM, LENGTHS
from personalities.models import Personality
from personalities.tests.api.conftest import LIST

COUNT = 120
LINKS = 1000  # bytes of a page besides its personalities
TEXTS = ("display_name", "greeting", *CUSTOM)


@pytest.fixture
def longest(user: User) -> None:
    """Personalities that JSON makes as long as they can be: six bytes for each character."""
    texts = {name: "\x01" * LENGTHS[name] for name in TEXTS}
    rows = [Personality(personality_name=f"p{number:03}", owner=user, **texts) for number in range(COUNT)]
    Personality.objects.bulk_create(rows)


def followed(client: APIClient, address: str) -> list[Any]:
    """All pages from `address` on, each within the bound."""
    pages = []
    while address:
        answer = client.get(address)
        assert len(answer.content) <= MAX_PAGE_BYTES + LINKS
        pages.append(answer.json())
        address = pages[-1]["next"]
    return pages


@pytest.mark.parametrize(
    "query", ["page_size=200", "page_size=70", "page_size=200&ordering=-personality_name", "page_size=3", "after=100"]
)
@pytest.mark.usefixtures("longest")
def test_list__longest_personalities__pages_end_early_and_next_goes_on(reader: APIClient, query: str) -> None:
    pages = followed(reader, f"{LIST}?{query}")
    names = [f"p{number:03}" for number in range(100 if "after" in query else 0, COUNT)]
    seen = [row["personality_name"] for page in pages for row in page["results"]]
    assert seen == (names[::-1] if "ordering=-" in query else names)
    assert {page["count"] for page in pages} == {COUNT}


@pytest.mark.usefixtures("longest")
def test_list__short_pages__by_number(reader: APIClient) -> None:
    pages = followed(reader, f"{LIST}?page_size=40&ordering=personality_name")
    assert [page["next"] and page["next"].rpartition("?")[2] for page in pages] == [
        "ordering=personality_name&page=2&page_size=40", "ordering=personality_name&page=3&page_size=40", None
    ]  # fmt: skip
    assert [bool(page["previous"]) for page in pages] == [False, True, True]


@pytest.mark.usefixtures("longest")
def test_list__a_personality__as_get_of_it_shows_it(reader: APIClient) -> None:
    (row,) = reader.get(f"{LIST}?page_size=1").json()["results"]
    assert row == reader.get(f"{LIST}p000/").json()
    assert row == reader.post(f"{LIST}resolve/", {"names": ["P000"]}).json()["personalities"]["P000"]


@pytest.mark.parametrize("after", ["", "-1", "é", "1" * 11])
def test_list__after_no_place__400(reader: APIClient, after: str) -> None:
    answer = reader.get(f"{LIST}?after={after}")
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"after"})
