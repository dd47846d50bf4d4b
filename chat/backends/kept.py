"""Who answers a turn of a conversation: the language model, whose answer is kept before its end is told; or, when the
same was asked before, nobody, for the answer is there. Of the same asked twice at a time one answer is kept; who hears
it whole hears that one, and who heard another as it came is told so at its end.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from chat.backends import shapes
from chat.backends.backend import Backend, Chunk, Payload
from chat.backends.shapes import is_last
from chat.callers import in_thread
from chat.history import Turn, answered_otherwise, keep


class Kept:
    def __init__(self, backend: Backend, turn: Turn) -> None:
        self._backend, self._turn = backend, turn
        self.seconds = backend.seconds

    async def complete(self, payload: Payload) -> dict[str, Any]:
        if self._turn.answered is not None:
            return {**shapes.whole(self._turn.answered), "usage": shapes.NOTHING}
        answer = await self._backend.complete(payload)
        text = _text(answer.get("choices"), "message")
        kept = await self._keep(text)
        return answer if kept == text else {**answer, **shapes.whole(kept)}  # what was used was used

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        if self._turn.answered is not None:
            for chunk in shapes.streamed(self._turn.answered, payload):
                yield chunk
            return
        said: list[str] = []
        is_kept = False
        async with aclosing(self._backend.chunks(payload)) as chunks:
            async for chunk in chunks:
                said.append(_text(chunk.get("choices"), "delta"))
                if is_last(chunk) and not is_kept:
                    await self._keep_streamed(said)
                    is_kept = True
                yield chunk
        if not is_kept:
            await self._keep_streamed(said)

    async def _keep_streamed(self, said: list[str]) -> None:
        """Whoever hears that the model has finished may hang up at once."""
        text = "".join(said)
        if await self._keep(text) != text:
            raise answered_otherwise()

    async def _keep(self, answer: str) -> str:
        return await in_thread(lambda: keep(self._turn, answer))


def _text(choices: Any, part: str) -> str:
    """What a language model has sent may have any shape."""
    first = choices[0] if isinstance(choices, list) and choices else {}
    content = (first.get(part) or {}).get("content") if isinstance(first, dict) else None
    return content.replace("\0", "\ufffd") if isinstance(content, str) else ""  # NUL is no text to PostgreSQL
