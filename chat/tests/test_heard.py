"""A caller who hangs up at any moment, also in that in which the answer ends: nothing breaks unseen."""

import asyncio
from typing import Any

import pytest

from chat.completions import _while_heard
from chat.exchange import CallerGone, Exchange

TURNS = 6  # of the event loop


async def answer(hung_up_after: int, turns: int) -> list[Any]:
    """What the event loop was told of."""
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    try:
        async with _while_heard(exchange(hung_up_after)):
            await _pass(turns)
    except CallerGone:
        assert hung_up_after <= turns
    await _pass(TURNS)
    return told


def exchange(hung_up_after: int) -> Exchange:
    async def receive() -> Any:
        await _pass(hung_up_after)
        return {"type": "http.disconnect"}

    scope: Any = {"method": "POST", "path": "/", "headers": []}
    return Exchange(scope, receive, receive)  # type: ignore[arg-type]


async def _pass(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(TURNS))
@pytest.mark.parametrize("hung_up_after", range(TURNS))
def test_heard__until_any_moment__no_error_of_the_loop(hung_up_after: int, turns: int) -> None:
    assert not asyncio.run(answer(hung_up_after, turns))
