"""The service as `dev.py run` starts it, in front of a fake language model that can fail in every way."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

from chat.tests import model_server, raw_client
from chat.tests.model_server import ModelServer
from tests.e2e.instance import Instance
from tests.waiting import wait_until

SERVER = "companion.asgi:application"
QUERYING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'
"""


class State(NamedTuple):
    """What the service holds at a moment."""

    streams: int  # under way
    upstream: int  # connections to the language model
    querying: int  # connections to the database that are not idle
    files: int  # open in the process
    mebibytes: int  # of memory

    def left_behind(self, before: "State") -> list[str]:
        """Return what was not there `before` and should not be there now."""
        grown = [name for name in ("streams", "upstream", "querying") if getattr(self, name)]
        return grown + ["files"] * (self.files > before.files)

    def __str__(self) -> str:
        return f"{self.streams} streams, {self.upstream} upstream, {self.querying} querying, {self.files} files"


class ChatService:
    """A running service and the fake language model behind it."""

    def __init__(self, instance: Instance, model: ModelServer) -> None:
        self.instance, self.model = instance, model
        self.url, self.address = f"{instance.url}/v1", instance.url
        self.key = str(instance.http().headers["Authorization"]).removeprefix("Bearer ")
        (self.process,) = [
            found for found in map(psutil.Process, instance.processes()) if _is_worker(found.parent(), found)
        ]

    def streams(self, number: int) -> list[bytes]:
        """Ask for `number` streams at once; return each answer whole."""
        return asyncio.run(raw_client.streams(self.url, self.key, number, lambda: None))

    def state(self) -> State:
        """Return what it holds now."""
        with self.instance.http() as client:
            found = re.search(r"^companion_chat_streams (\d+)", client.get("/metrics").text, re.MULTILINE)
        with psycopg.connect(self.instance.database_url) as connection:
            row = connection.execute(QUERYING).fetchone()
        assert found
        assert row
        mebibytes = self.process.memory_info().rss >> 20
        return State(int(found[1]), self.model.connections, int(row[0]), self.process.num_fds(), mebibytes)

    def state_after(self, before: State, seconds: float = 2) -> State:
        """Return the first state in which nothing is left behind, or the last one after `seconds`."""
        states = [self.state()]  # looked at once each: a moment later the change log may be followed again

        def is_as_before() -> bool:
            states.append(self.state())
            return not states[-1].left_behind(before)

        with suppress(AssertionError):  # the caller sees it in the state
            wait_until(is_as_before, seconds)
        return states[-1]


def _is_worker(parent: psutil.Process | None, process: psutil.Process) -> bool:
    """Whether it is the process of granian that serves, which is the child of one that does not."""
    return parent is not None and SERVER in process.cmdline() and SERVER in parent.cmdline()


@contextmanager
def chat_service(folder: Path, **environment: str) -> Iterator[ChatService]:
    """Run a service with one connection to the database, besides the one that follows the change log.

    Its output must hold no traceback when it ends.
    """
    with model_server.running() as model:
        extra = {"LLM_BASE_URL": model.url, "LLM_MODEL": "big-model", "DATABASE_POOL_SIZE": "1"}
        instance = Instance(folder / "var", extra={**extra, "CHAT_RATE": "100000/second", **environment})
        try:
            running = ChatService(instance.wait_for_block(), model)
            running.streams(50)  # so that everything made once and kept exists
            yield running
        finally:
            instance.stop()
        assert "Traceback" not in instance.printed
