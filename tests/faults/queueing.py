"""A pooler without a free server for our sessions: it lets clients in, and their queries wait for ever."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.forgetful import ForgetfulProxy, running

QUERY, PARSE = b"Q", b"P"  # how PostgreSQL's messages with a statement begin


class QueueingPooler(ForgetfulProxy):
    """Passes on all that belongs to the login, and swallows what comes from the first statement on."""

    queues = True  # until set otherwise, for connections that are made afterwards

    def forgets_at(self, data: bytes) -> bool:
        """The first statement of a session."""
        return self.queues and data[:1] in {QUERY, PARSE}


@contextmanager
def queueing(target: int) -> Iterator[QueueingPooler]:
    """Run a pooler before the port `target` while the context lasts."""
    pooler = QueueingPooler(target, float("inf"))
    with running(pooler):
        yield pooler
