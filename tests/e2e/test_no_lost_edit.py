"""A program with HTTP alone: from an archetype to a published personality and back; and a thousand edits, none lost."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.instance import Instance

MIRA = "/api/v1/personalities/mira/"
WRITERS, EDITS = 8, 1000


@pytest.fixture(autouse=True)
def _as_it_was(instance: Instance) -> Iterator[None]:
    """Leave the shared instance as it was found."""
    yield
    with instance.http() as client:
        for name in ("mira", "luna"):
            client.delete(f"/api/v1/personalities/{name}/")


def count_up(instance: Instance, times: int) -> int:
    """Add one to the number in the greeting, `times` times; return how often somebody else was faster."""
    refused = 0
    with instance.http() as client:
        read = client.get(MIRA)
        etag, count = read.headers["ETag"], int(read.json()["greeting"])
        while times:
            answer = client.patch(MIRA, json={"greeting": str(count + 1)}, headers={"If-Match": etag})
            current = answer.json()["current"] if answer.status_code == 412 else answer.raise_for_status().json()
            etag, count = answer.headers["ETag"], int(current["greeting"])
            times -= answer.status_code == 200
            if answer.status_code == 412:
                refused += 1
                time.sleep(random.uniform(0, 0.1))  # as a good client does: most requests would be in vain
    return refused


def test_edits__a_thousand_by_eight_at_once__none_lost(instance: Instance) -> None:
    with instance.http() as client:
        client.post("/api/v1/personalities/", json={"personality_name": "mira", "greeting": "0"}).raise_for_status()
        with ThreadPoolExecutor(WRITERS) as threads:
            refused = list(threads.map(lambda _: count_up(instance, EDITS // WRITERS), range(WRITERS)))
        assert sum(refused) > 0, "they did not meet"
        assert client.get(MIRA).json()["greeting"] == str(EDITS)
        assert client.get(f"{MIRA}versions/").json()["count"] == EDITS + 1
        for number in (2, 500, EDITS + 1):
            kept = client.get(f"{MIRA}versions/{number}/").json()["personality"]
            assert kept["greeting"] == str(number - 1)


def test_program__draft_prompt_publish_break_compare_roll_back(instance: Instance) -> None:
    luna = "/api/v1/personalities/luna/"
    with instance.http() as client:
        draft = {"personality_name": "luna", "archetype": "curious_student", "is_active": False}
        made = client.post("/api/v1/personalities/", json=draft)
        assert (made.status_code, client.get(luna).status_code) == (201, 404)
        assert "Curiosity 10 of 10" in client.get(f"{luna}prompt/").json()["text"]
        good = client.patch(luna, json={"is_active": True}, headers={"If-Match": made.headers["ETag"]})
        assert client.get(luna).content == good.content
        client.patch(luna, json={"traits": {"empathy_level": 0}, "note": "A mistake."}).raise_for_status()
        said = client.get(f"{luna}versions/2...3/").json()
        assert [change["field"] for change in said["changes"]] == ["traits.empathy_level"]
        assert "+Empathy 0 of 10" in said["prompt"]
        back = client.post(f"{luna}rollback/", json={"version": 2}).json()
        assert back["traits"] == good.json()["traits"] == client.get(luna).json()["traits"]
