"""Work in threads belongs to the request that waits for it."""

import asyncio

from chat.threads import in_thread
from rest.request_id import current


def test_in_thread__request_id__that_of_the_request() -> None:
    async def ask(request_id: str) -> str:
        current.set(request_id)
        return await in_thread(current.get)

    async def ask_at_once() -> list[str]:
        return await asyncio.gather(*(ask(str(number)) for number in range(20)))

    assert asyncio.run(ask_at_once()) == [str(number) for number in range(20)]
