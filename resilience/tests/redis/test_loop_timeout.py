"""How long a command may take in an event loop, on a clock that waits for nobody."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from redis.exceptions import TimeoutError

from resilience.redis_async import LoopTimeout


class Instantly(selectors.SelectSelector):
    """Where a loop would sleep, its clock moves on instead."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds take no time."""

    def __init__(self) -> None:
        self.clock = Instantly()
        super().__init__(self.clock)

    def time(self) -> float:
        """The virtual time in seconds."""
        return self.clock.now


def seconds_until_given_up(wait: Callable[[], Coroutine[Any, Any, object]], patience: float) -> float | None:
    """None if it was not."""

    async def measure() -> float | None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with LoopTimeout(patience):
                await wait()
        except TimeoutError:
            return loop.time() - started
        return None

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(measure())


@pytest.mark.parametrize("patience", [0.1, 0.4, 3])
def test_timeout__no_answer__given_up_after_exactly_that_long(patience: float) -> None:
    assert seconds_until_given_up(lambda: asyncio.sleep(100), patience) == pytest.approx(patience, rel=0.01)


def test_timeout__an_answer_in_time__heard_and_nothing_is_left_to_fire() -> None:
    async def wait() -> None:
        await asyncio.sleep(0.39)

    assert seconds_until_given_up(wait, 0.4) is None


def test_timeout__the_block_was_left__nothing_follows() -> None:
    errors: list[object] = []

    async def go_on() -> str:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        async with LoopTimeout(0.4):
            pass
        await asyncio.sleep(10)
        return "undisturbed"

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(go_on()) == "undisturbed"
    assert not errors


def test_timeout__another_error__passes_as_it_is() -> None:
    async def fail() -> None:
        async with LoopTimeout(0.4):
            raise KeyError("x")

    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(KeyError):
        runner.run(fail())
