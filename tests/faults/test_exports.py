"""What one small request asks for, however much it is, costs a bounded part of the service's memory."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.conftest import LONG, Workers
from tests.faults.environment import Environment, Service, production_service
from tests.promises import Figure
from tests.waiting import wait_until

MESSAGES, USERS, AT_A_TIME = 200, 4, 2
GROWTH = 8 * USERS * AT_A_TIME  # MiB
PAGES_GROWTH = 256  # MiB: what threads that make pages of 3 MiB have used, the C library keeps for them
WATCH = 60 if LONG else 4  # seconds in which nobody reads
# Six bytes of JSON for each of a text: 150 MiB in all.
LONGEST = """
INSERT INTO conversations_message (id, conversation_id, position, role, content, idempotency_key, part, created_at)
SELECT gen_random_uuid(), %s, position, 'user', repeat(chr(1), 131072), '', 0, now()
FROM generate_series(1, %s) AS position
"""
HELD = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
AND pid <> pg_backend_pid() AND state <> 'idle'
"""


class Owner:
    """A user with a conversation of MESSAGES of the longest messages."""

    def __init__(self, service: Service, environment: Environment, key: str, name: str) -> None:
        self.http = httpx.Client(
            base_url=service.client.base_url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=60
        )
        self.http.post("/api/v1/personalities/", json={"personality_name": name})
        made = self.http.post("/api/v1/conversations/", json={"personality": name}).json()
        self.path = f"/api/v1/conversations/{made['id']}"
        environment.sql(LONGEST, made["id"], MESSAGES)

    def export(self) -> tuple[socket.socket, bytes]:
        """Ask for an export, and read no more of it than the beginning."""
        url = self.http.base_url
        connection = socket.create_connection((url.host, url.port or 80), 30)
        key = self.http.headers["Authorization"]
        lines = (f"GET {self.path}/export/ HTTP/1.1", f"Host: {url.host}", f"Authorization: {key}", "", "")
        connection.sendall("\r\n".join(lines).encode())
        return connection, connection.recv(1000)


@pytest.fixture
def service(environment: Environment, workers: Workers, tmp_path: Path) -> Iterator[Service]:
    key = workers(1)[0].ask("issue", count=1)[0]
    with production_service(environment, key, tmp_path) as running:
        running.get("/api/v1/conversations/")
        yield running


@pytest.fixture
def owners(service: Service, environment: Environment, workers: Workers, name: str) -> Iterator[list[Owner]]:
    keys = workers(1)[0].ask("issue", count=USERS)
    made = [Owner(service, environment, key, name) for key in keys]
    yield made
    for owner in made:
        owner.http.close()


def peak(service: Service, seconds: float) -> int:
    """Return the most memory that the service took in this time, in MiB."""
    found, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        found = max(found, service.mebibytes())
        time.sleep(0.02)
    return found


def test_exports__nobody_reads__bounded_memory_and_nothing_held(
    service: Service, environment: Environment, owners: list[Owner], figure: Figure
) -> None:
    before = service.mebibytes()
    with ExitStack() as stack:
        heads = []
        for owner in owners * AT_A_TIME:
            connection, head = owner.export()
            stack.enter_context(connection)
            heads.append(head)
        third = owners[0].http.get(f"{owners[0].path}/export/")
        growth = peak(service, WATCH) - before
        held = environment.sql(HELD)[0][0]
    assert {head[:12] for head in heads} == {b"HTTP/1.1 200"}
    assert (third.status_code, third.headers["Retry-After"]) == (429, "5")
    figure(
        "A4",
        f"{len(heads)} exports of 150 MiB that nobody reads for {WATCH} s; a third one of the same user",
        f"+{GROWTH} MiB at most; no connection to PostgreSQL held; 429",
        before="+1,181 MiB; 200",
        measured=f"+{growth} MiB; {held} held; {third.status_code}",
        met=growth <= GROWTH and not held,
    )


def test_exports__read_after_all__whole_and_another_may_begin(owners: list[Owner], figure: Figure) -> None:
    owner, texts = owners[0], "\x01" * 131072
    with ExitStack() as stack:
        for _ in range(AT_A_TIME):
            stack.enter_context(owner.export()[0])
    answers: list[httpx.Response] = []

    def is_exported() -> bool:
        answers.append(owner.http.get(f"{owner.path}/export/"))
        return answers[-1].status_code == 200

    wait_until(is_exported)
    export: Any = json.loads(answers[-1].content)
    whole = [message["position"] for message in export["messages"]] == list(range(1, MESSAGES + 1))
    figure(
        "A4",
        "an export that is read, after two whose readers went away in the middle",
        f"all {MESSAGES} messages in order",
        measured=f"{len(export['messages'])} messages",
        met=whole and all(message["content"] == texts for message in export["messages"]),
    )


def test_pages__longest_messages__bounded_memory_and_all_are_found(
    service: Service, owners: list[Owner], figure: Figure
) -> None:
    before = service.mebibytes()

    def pages(owner: Owner) -> tuple[int, list[int]]:
        """Follow `next` from the first page on; return the size of the largest, and the positions seen."""
        address, largest, seen = f"{owner.path}/messages/?page_size=200", 0, []
        while address:
            answer = owner.http.get(address)
            largest, page = max(largest, len(answer.content)), answer.json()
            seen += [message["position"] for message in page["results"]]
            address = page["next"]
        return largest, seen

    with ThreadPoolExecutor(USERS) as pool:
        under_way = [pool.submit(pages, owner) for owner in owners]
        most = before
        while not all(each.done() for each in under_way):
            most = max(most, service.mebibytes())
            time.sleep(0.02)
    largest = max(each.result()[0] for each in under_way) / 2**20
    complete = all(each.result()[1] == list(range(1, MESSAGES + 1)) for each in under_way)
    figure(
        "A4",
        f"{USERS} users read all pages of {MESSAGES} of the longest messages at the same time",
        f"pages of 4 MiB at most, +{PAGES_GROWTH} MiB, each message once",
        before="pages of 150 MiB, +1,648 MiB",
        measured=f"pages of {largest:.1f} MiB, +{most - before} MiB, {'each' if complete else 'NOT each'} once",
        met=largest <= 4 and most - before <= PAGES_GROWTH and complete,
    )
