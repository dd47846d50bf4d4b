"""Runs blocking work, such as a database query, outside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from chat.errors import api_error
from resilience.database import answer_within, outage

T = TypeVar("T")

# More than the requests that wait for an unresponsive PostgreSQL at any time, each for DATABASE_SECONDS at most.
THREADS = ThreadPoolExecutor(100, thread_name_prefix="chat")


async def in_thread(work: Callable[[], T]) -> T:
    """Runs `work` in a thread, in the caller's context. Its database connection is returned to the pool at the end.

    Raises ApiError (503) if PostgreSQL does not answer within DATABASE_SECONDS or accepts no writes.
    """
    return await asyncio.get_running_loop().run_in_executor(THREADS, copy_context().run, _run, work)


def _run(work: Callable[[], T]) -> T:
    try:
        with answer_within(settings.DATABASE_SECONDS):
            return work()
    except DatabaseError as error:
        message, headers = outage(error), {"Retry-After": "1"}
        if message is None:
            raise
        raise api_error(HTTPStatus.SERVICE_UNAVAILABLE, message, "database_unavailable", headers) from None
    finally:
        close_old_connections()
