"""How often a caller may ask. The application is given an `Admit`, which decides."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from django.conf import settings

from rate_limits.gcra import limits_of
from rate_limits.limiter import aadmit_all, headers


class Admission(NamedTuple):
    """Whether a request is admitted, and the headers to send with the response in either case."""

    allowed: bool = True
    headers: Mapping[str, str] = {}


# Called with the user's id and the public part of the API key, which is empty for a session. Runs in the event loop, so
# it must not block.
Admit = Callable[[int, str], Awaitable[Admission]]


async def admit_all(user_id: int, key: str) -> Admission:
    """Admit every request: there is no limit."""
    return Admission()


async def admit_by_rate(user_id: int, key: str) -> Admission:
    """Limits each user to CHAT_RATE, and each of their API keys to CHAT_KEY_RATE."""
    limits = limits_of("chat", user_id, settings.CHAT_RATE, key or None, settings.CHAT_KEY_RATE)
    verdict = await aadmit_all(limits)
    return Admission(verdict.allowed, headers(verdict))
