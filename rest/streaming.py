"""Answers of many rows, made batch by batch while their callers read, and few at a time for each user."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from threading import Lock
from weakref import WeakSet

from django.http import StreamingHttpResponse
from rest_framework.exceptions import APIException

AT_A_TIME = 2  # streams of one user in each process: each holds a batch, and for as long as nobody reads it
RETRY_AFTER = 5  # seconds

_lock = Lock()
_running: "WeakSet[Stream]" = WeakSet()  # weak: one that nobody closes ends with its response


class Interrupted(Exception):
    """The rest of a streamed answer cannot be made. The connection is cut, lest its caller think the answer whole."""


class TooManyStreams(APIException):
    """429: as many streams of this user are under way as may be."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_detail = f"At most {AT_A_TIME} of your exports run at a time. Read one to its end, or close it."
    headers = {"Retry-After": str(RETRY_AFTER)}


class Stream(Iterator[bytes]):
    """The batches of an answer to one user."""

    def __init__(self, user_id: int, batches: Iterator[bytes]) -> None:
        self.user_id, self._batches = user_id, batches

    def __next__(self) -> bytes:
        """The next batch of the answer."""
        return next(self._batches)

    def close(self) -> None:
        """Called with the response: the user may begin another stream."""
        with _lock:
            _running.discard(self)


def stream(user_id: int, batches: Iterator[bytes], headers: Mapping[str, str]) -> StreamingHttpResponse:
    """An answer that is made while it is read: `batches` are asked for one at a time, each in a thread.

    A batch may query the database, within DATABASE_SECONDS, but keep nothing open. If it raises Interrupted or the
    database is away, the connection is cut. Raises TooManyStreams.
    """
    body = Stream(user_id, batches)
    with _lock:
        if sum(other.user_id == user_id for other in _running) >= AT_A_TIME:
            raise TooManyStreams
        _running.add(body)
    return StreamingHttpResponse(body, headers=headers)
