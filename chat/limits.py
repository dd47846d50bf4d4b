"""How much a caller may ask. Whoever counts is handed to `chat.asgi.Chat` as an `Admit`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from django.conf import settings

from rate_limits.gcra import limits_of
from rate_limits.limiter import aadmit_all, headers


class Admission(NamedTuple):
    """`headers` go out with the answer, whatever it is."""

    allowed: bool = True
    headers: Mapping[str, str] = {}


# Of the id of a user, and the public part of the key that they came with; empty, where they have a session instead. It
# runs in the event loop: it must not block.
Admit = Callable[[int, str], Awaitable[Admission]]


async def everybody(user_id: int, key: str) -> Admission:
    return Admission()


async def by_rate(user_id: int, key: str) -> Admission:
    """CHAT_RATE of a user, and CHAT_KEY_RATE of each of their keys."""
    limits = limits_of("chat", user_id, settings.CHAT_RATE, key or None, settings.CHAT_KEY_RATE)
    verdict = await aadmit_all(limits)
    return Admission(verdict.allowed, headers(verdict))
