"""A request that is cancelled leaves no connection, at whatever moment that is."""

import asyncio

import httpx

from chat.backends.sending import send
from chat.tests import model_server as moods
from chat.tests.model_server import ModelServer
from coherence.tests.helpers import until

ROUNDS = 400


async def cancel_at_every_moment(model: ModelServer) -> None:
    """So many steps of the event loop after its beginning; again and again from the first."""
    async with httpx.AsyncHTTPTransport() as transport:
        for step in range(ROUNDS):
            request = httpx.Request("POST", f"{model.url}/chat/completions", content=b"{}")
            sending = asyncio.create_task(send(transport, request))
            for _ in range(step % 40):
                await asyncio.sleep(0)
            sending.cancel()
            (outcome,) = await asyncio.gather(sending, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError)
        await asyncio.to_thread(until, lambda: model.connections == 0)


def test_send__cancelled_at_any_moment__no_connection_stays(model: ModelServer) -> None:
    model.mood = moods.silent
    asyncio.run(cancel_at_every_moment(model))
