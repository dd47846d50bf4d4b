"""Somebody whose requests are good, while others' are not."""

import time
from threading import Event, Thread
from types import TracebackType
from typing import Any

import httpx

from chat.tests import model_server as moods
from chat.tests.model_server import ModelServer, Mood
from tests.e2e.instance import ELARA
from tests.faults.chats import Chats
from tests.faults.verdict import said

WELL = "How are you?"


def but_for_bystanders(mood: Mood) -> Mood:
    """The language model is well to them, and in this mood to all others."""

    async def both(server: ModelServer, writer: moods.Writer, asked: dict[str, Any]) -> None:
        chosen = moods.speak if asked["messages"][-1]["content"] == WELL else mood
        await chosen(server, writer, asked)

    return both


class Bystander:
    """As long as it is entered: a read from memory, one from PostgreSQL and a chat, again and again."""

    def __init__(self, chats: Chats) -> None:
        self._chats, self._over, self._thread = chats, Event(), Thread(target=self._run)
        self.seconds: list[float] = []
        self.refused: list[str] = []
        self.peak = 0  # of the service's memory, in MiB

    def __enter__(self) -> "Bystander":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def well(self, seconds: float) -> bool:
        """Whether each was answered 200, within so much."""
        return bool(self.seconds) and not self.refused and max(self.seconds) <= seconds

    def __str__(self) -> str:
        wrong = f"{len(self.refused)} failed of " * bool(self.refused)
        return f"{wrong}{len(self.seconds)} good requests meanwhile, slowest {said(max(self.seconds, default=0))}"

    def _run(self) -> None:
        body = {"model": "elara", "messages": [{"role": "user", "content": WELL}]}
        while not self._over.is_set():
            # A connection of its own each time: whoever comes anew must get in.
            with self._chats.instance.http() as client:
                self._ask(client, "GET", ELARA)
                self._ask(client, "GET", "/api/v1/personalities/")
                self._ask(client, "POST", "/v1/chat/completions", json=body)
            self.peak = max(self.peak, self._chats.process.memory_info().rss >> 20)
            self._over.wait(0.02)

    def _ask(self, client: httpx.Client, method: str, path: str, **options: Any) -> None:
        begun = time.monotonic()
        try:
            status = str(client.request(method, path, timeout=20, **options).status_code)
        except httpx.HTTPError as error:
            status = repr(error)
        self.seconds.append(time.monotonic() - begun)
        if status != "200":
            self.refused.append(f"{method} {path}: {status}")
