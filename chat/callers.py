"""Who calls, and whom they ask for: from memory, in the event loop; by a thread, where somebody must be asked."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import NamedTuple, TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from accounts import keys
from accounts.copies import near as near_user
from accounts.models import ApiKey
from chat.errors import invalid_key, no_such_model, upstream
from coherence.cache import may_answer
from personalities.config import PersonalityConfig
from personalities.copies import hit
from personalities.models import Personality
from personalities.prompt import Wishes
from preferences.copies import copies as preferences
from preferences.managers import NO_WISHES
from preferences.models import Preferences
from resilience.database import answer_within, outage

T = TypeVar("T")

# More than wait for a silent PostgreSQL at a time, each of them for a few seconds.
THREADS = ThreadPoolExecutor(100, thread_name_prefix="chat")


class Caller(NamedTuple):
    user_id: int
    key: str  # its public part; empty for who came without one


async def identify(authorization: bytes) -> Caller:
    """Raises ApiError for who may not come in."""
    scheme, _, text = authorization.partition(b" ")
    prefix = keys.prefix(text.strip().decode("latin-1")) if scheme.lower() == b"bearer" else None
    if prefix is None:
        raise invalid_key()
    user_id = near_user(text.strip()) if may_answer() else None
    if user_id is None:
        user_id = await in_thread(lambda: _verified(text.strip()))
    return Caller(user_id, prefix)


def _verified(text: bytes) -> int:
    user = ApiKey.objects.verify(text.decode("latin-1"))
    if user is None:
        raise invalid_key()
    return int(user.pk)


async def personality(name: str, caller: Caller) -> tuple[PersonalityConfig, str]:
    """Their own of that name, else the global one; and where it was. Raises ApiError where there is neither."""
    if config := hit(name, caller.user_id):
        return config, "near"
    answer = await in_thread(lambda: Personality.objects.lookup(name, caller.user_id))
    if answer.value is None:
        raise no_such_model(name)
    return answer.value, f"{answer.source}, unverified" if answer.unverified else answer.source


async def wishes(caller: Caller) -> Wishes:
    """How they want to be talked to."""
    copy = preferences.hit(caller.user_id)
    if copy is not None:
        copy.reads += 1
        return copy.value or NO_WISHES
    return await in_thread(lambda: Preferences.objects.wishes_of(caller.user_id))


async def in_thread(work: Callable[[], T]) -> T:
    """Its connection is given back when it ends. Raises ApiError when PostgreSQL does not answer in time."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, _in_this_thread, work)


def _in_this_thread(work: Callable[[], T]) -> T:
    try:
        with answer_within(settings.DATABASE_SECONDS):
            return work()
    except DatabaseError as error:
        message, headers = outage(error), {"Retry-After": "1"}
        if message is None:
            raise
        raise upstream(HTTPStatus.SERVICE_UNAVAILABLE, message, "database_unavailable", headers) from None
    finally:
        close_old_connections()
