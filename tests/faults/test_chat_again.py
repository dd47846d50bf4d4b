"""A turn that is sent again under its key because its answer was late is kept once and answered as kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chat.tests import model_server
from tests.faults.chat_service import ChatService
from tests.promises import Figure
from tests.waiting import wait_until

PROMISE = 20


@pytest.fixture
def client(service: ChatService) -> Iterator[httpx.Client]:
    service.model.behaviour = model_server.answer_each_differently
    service.model.release.clear()
    service.model.counts.clear()
    with service.instance.http() as client:
        yield client


class Turn:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        new = {"personality": "elara", "greeting": False}
        self.id = client.post("/api/v1/conversations/", json=new).raise_for_status().json()["id"]

    def send(self, seconds: float = 20) -> str:
        messages = [{"role": "user", "content": "One."}]
        body = {"model": "elara", "metadata": {"conversation": self.id}, "messages": messages}
        headers = {"Idempotency-Key": "turn-1"}
        answer = self._client.post("/v1/chat/completions", json=body, headers=headers, timeout=seconds)
        return str(answer.raise_for_status().json()["choices"][0]["message"]["content"])

    def kept(self) -> list[tuple[str, str]]:
        found: Any = self._client.get(f"/api/v1/conversations/{self.id}/messages/").raise_for_status().json()
        return [(message["role"], message["content"]) for message in found["results"]]


def judge(figure: Figure, what: str, turn: Turn, told: list[str], asked: int) -> None:
    kept = turn.kept()
    figure(
        PROMISE,
        what,
        "one turn kept, its answer told to all, the model asked twice",
        measured=f"{len(kept)} messages, told {sorted(set(told))} in {len(told)} answers, asked {asked} times",
        met=[role for role, _ in kept] == ["user", "assistant"] and set(told) == {kept[-1][1]} and asked == 2,
        why=str(kept),
    )


def test_again__while_the_first_is_under_way__both_told_what_is_kept(
    service: ChatService, client: httpx.Client, figure: Figure
) -> None:
    """As when a proxy in between gives up without hanging up."""
    turn, counted = Turn(client), service.model.counts
    with ThreadPoolExecutor() as pool:
        first = pool.submit(turn.send)
        wait_until(lambda: counted["waiting"] == 1)
        second = pool.submit(turn.send)
        wait_until(lambda: counted["waiting"] == 2)
        service.model.release_all()
        told = [first.result(), second.result(), turn.send()]
    judge(figure, "a turn sent again while the first is under way, and after it", turn, told, counted["waiting"])


def test_again__after_the_first_was_given_up__kept_once(
    service: ChatService, client: httpx.Client, figure: Figure
) -> None:
    turn, counted = Turn(client), service.model.counts
    with pytest.raises(httpx.ReadTimeout):
        turn.send(0.5)
    wait_until(lambda: service.model.connections == 0, 2)
    service.model.release_all()
    told = [turn.send(), turn.send()]
    judge(figure, "a turn given up after 0.5 s, sent again, and again", turn, told, counted["waiting"])
