"""How much a caller may ask. Whoever counts is handed to `chat.asgi.Chat` as an `Admit`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple


class Refusal(NamedTuple):
    """Not now: in `retry_after` whole seconds. `headers` go out with it."""

    retry_after: int
    message: str = "Too many requests."
    headers: Mapping[str, str] = {}


# Of the id of a user, and the public part of the key that they came with. Runs in the event loop: it must not block.
Admit = Callable[[int, str], Awaitable[Refusal | None]]


async def everybody(user_id: int, key: str) -> Refusal | None:
    return None
