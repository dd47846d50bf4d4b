"""The log's lines, as the tests of its numbers read them, and a write that adds one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.contrib.auth.models import User

from tests.database import sql

IMMEDIATE = "SET CONSTRAINTS ALL IMMEDIATE"
TOUCH = "UPDATE public.auth_user SET username = username WHERE username = %s"
Session = Callable[[], "psycopg.Connection[Any]"]


def key_of(name: str) -> str:
    return f"user:{User.objects.get(username=name).pk}"


def lines(known: int) -> list[tuple[int, str]]:
    return [tuple(line) for line in sql("SELECT * FROM coherence_change WHERE number > %s ORDER BY 1, 2", known)]


def keys(known: int) -> list[str]:
    """The keys noted after `known`, each of which must have come with a commit of its own."""
    noted = lines(known)
    assert len({number for number, _ in noted}) == len(noted)
    return [key for _, key in noted]


@contextmanager
def one_commit(known: int, expected: int) -> Iterator[None]:
    yield
    noted = lines(known)
    assert len(noted) == expected
    assert len({number for number, _ in noted}) == 1
