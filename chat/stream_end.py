"""The end of a stream, sent only once the answer is stored: a caller who receives it finds the answer there."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from chat.backends import ENDING, Chunk, JsonObject, answers
from chat.threads import in_thread

Store = Callable[[], object]
Transform = Callable[[Chunk], Chunk | None]


async def end_when_stored(
    chunks: AsyncGenerator[Chunk, None], store: Store, transform: Transform, reason: Callable[[], str] = lambda: "stop"
) -> AsyncGenerator[Chunk, None]:
    """The chunks as `transform` makes them: text at once, and the end when `store`, called in a thread, has returned.

    `reason` gives the finish reason if the server gives none.

    Raises what reading the chunks and storing the answer raise.
    """
    ending = Ending()
    async with aclosing(chunks):
        async for chunk in chunks:
            if (made := transform(chunk)) and (said := ending.hold_back(made)):
                yield said
    yield ENDING
    await in_thread(store)
    for chunk in ending.held(reason):
        yield chunk


class Ending:
    """Holds back what tells a caller that the answer is complete: the finish reason and the usage.

    Text is never held back, whatever came before it.
    """

    def __init__(self) -> None:
        self._last: Chunk = {"choices": []}
        self._finish: Chunk | None = None
        self._usage: Chunk | None = None

    def hold_back(self, chunk: Chunk) -> Chunk | None:
        """What to send of the chunk at once."""
        self._last = chunk
        if answers.is_last(chunk):
            said, self._finish = _split(chunk)
            return said
        if answers.is_usage(chunk):
            self._usage = chunk
            return None
        return chunk

    def held(self, reason: Callable[[], str]) -> list[Chunk]:
        """What is left to be sent: the last chunk of each kind. `reason` is used if no finish reason came."""
        finish = self._finish or _finish(self._last, reason())
        return [finish] if self._usage is None else [finish, self._usage]


def _finish(last: Chunk, reason: str) -> Chunk:
    choice: JsonObject = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}
    chunk: Chunk = {**last, "choices": [choice]}
    chunk.pop("usage", None)
    return chunk


def _split(chunk: Chunk) -> tuple[Chunk | None, Chunk]:
    """What the chunk says, if anything, and its finish, each as a chunk."""
    choice = chunk["choices"][0]
    delta = choice.get("delta")
    if not isinstance(delta, dict) or not any(delta.values()):
        return None, chunk
    said: Chunk = {**chunk, "choices": [{**choice, "finish_reason": None}]}
    said.pop("usage", None)
    end = {name: value for name, value in choice.items() if name != "logprobs"}
    return said, {**chunk, "choices": [{**end, "delta": {}}]}
