"""Costly requests, such as long lists: few of one user's at a time in each process, lest everybody else wait for them;
and not many of all users', lest their answers use up its memory.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from http import HTTPStatus
from threading import Condition
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import connection
from rest_framework.exceptions import APIException
from rest_framework.generics import ListAPIView
from rest_framework.request import Request

AT_A_TIME = 4
IN_ALL = 16  # of all users: each may hold some 10 MiB
MAX_QUEUED = 60  # of a user that wait for one of these to end; each holds a thread
LINE_SECONDS = 5.0  # that each waits

P = ParamSpec("P")
View = TypeVar("View")
Made = TypeVar("Made")

_changed = Condition()
_under_way: Counter[int | None] = Counter()  # by the id of the user
_waiting: Counter[int | None] = Counter()


class TooManyAtOnce(APIException):
    """429: as many costly requests of this user, or of all, are under way as may be."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_detail = (
        f"At most {AT_A_TIME} of your lists, comparisons and previews are made at a time, {IN_ALL} of all users', and "
        f"{MAX_QUEUED} more of yours wait."
    )
    headers = {"Retry-After": "1"}


class CostlyListView(ListAPIView[Any]):
    """A list of which few are made at a time for each user."""

    def list(self, request: Request, *args: object, **kwargs: object) -> Any:
        """DRF's list, of which few are made at a time for each user. Raises TooManyAtOnce."""
        with limited_concurrency(request.user.pk):
            return super().list(request, *args, **kwargs)


def costly(
    handle: Callable[Concatenate[View, Request, P], Made],
) -> Callable[Concatenate[View, Request, P], Made]:
    """The method of a view, of which few run at a time for each user. Raises TooManyAtOnce."""

    @wraps(handle)
    def bounded(view: View, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Made:
        with limited_concurrency(request.user.pk):
            return handle(view, request, *args, **kwargs)

    return bounded


@contextmanager
def limited_concurrency(user_id: int | None) -> Iterator[None]:
    """Wait in line if need be. Raises TooManyAtOnce when the line is full, or the wait too long."""
    with _changed:
        if not _may_begin(user_id):
            _wait(user_id)
        _under_way[user_id] += 1
    try:
        yield
    finally:
        with _changed:
            _leave(_under_way, user_id)
            _changed.notify_all()


def _may_begin(user_id: int | None) -> bool:
    return _under_way[user_id] < AT_A_TIME and _under_way.total() < IN_ALL


def _wait(user_id: int | None) -> None:
    if _waiting[user_id] >= MAX_QUEUED:
        raise TooManyAtOnce
    _waiting[user_id] += 1
    if not connection.in_atomic_block:
        connection.close()  # others need it meanwhile
    try:
        if not _changed.wait_for(lambda: _may_begin(user_id), LINE_SECONDS):
            raise TooManyAtOnce
    finally:
        _leave(_waiting, user_id)


def _leave(counter: Counter[int | None], user_id: int | None) -> None:
    counter[user_id] -= 1
    if not counter[user_id]:
        del counter[user_id]
