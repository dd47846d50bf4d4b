"""Who answers a turn of a conversation: the language model, whose answer is kept before its end is told; or, when the
same was asked before, nobody, for the answer is there.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from chat.backends import shapes
from chat.backends.backend import Backend, Chunk, Payload
from chat.callers import in_thread
from chat.history import Turn, keep


class Kept:
    def __init__(self, backend: Backend, turn: Turn) -> None:
        self._backend, self._turn = backend, turn
        self.seconds = backend.seconds

    async def complete(self, payload: Payload) -> dict[str, Any]:
        if self._turn.answered is not None:
            return shapes.whole(self._turn.answered)
        answer = await self._backend.complete(payload)
        await self._keep(_text(answer.get("choices"), "message"))
        return answer

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        if self._turn.answered is not None:
            again = shapes.Chunks()
            for chunk in (again.begin(), again.piece(self._turn.answered), again.end()):
                yield chunk
            return
        said: list[str] = []
        async with aclosing(self._backend.chunks(payload)) as chunks:
            async for chunk in chunks:
                said.append(_text(chunk.get("choices"), "delta"))
                yield chunk
        await self._keep("".join(said))

    async def _keep(self, answer: str) -> None:
        await in_thread(lambda: keep(self._turn, answer))


def _text(choices: Any, part: str) -> str:
    """What a language model has sent may have any shape."""
    first = choices[0] if isinstance(choices, list) and choices else {}
    content = (first.get(part) or {}).get("content") if isinstance(first, dict) else None
    return content if isinstance(content, str) else ""
