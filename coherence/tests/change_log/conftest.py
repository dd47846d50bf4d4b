"""For tests of the log: nobody else looks at it, and others than Django write."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection

from coherence.listener import listener
from coherence.tests.change_log.lines import Session

WRITERS = 8


@pytest.fixture(autouse=True)
def _alone() -> None:
    """Stop the process's own listener, so that nobody else in this process looks at the log."""
    listener.stop()


@pytest.fixture
def session() -> Iterator[Session]:
    """Makes connections that Django knows nothing of, in autocommit."""
    made: list[psycopg.Connection[Any]] = []

    def make() -> "psycopg.Connection[Any]":
        made.append(psycopg.connect(**connection.get_connection_params(), autocommit=True))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def users() -> list[str]:
    names = [f"user-{number}" for number in range(WRITERS)]
    User.objects.bulk_create([User(username=name) for name in names])
    return names
