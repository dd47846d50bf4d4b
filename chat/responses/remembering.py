"""Remembers an answer that belongs to no conversation, before the caller is sent its end."""

from collections.abc import AsyncGenerator, Callable, Sequence

from chat.backends import Backend, Chunk, Completion, JsonObject, Payload
from chat.backends.answers import FirstChoice
from chat.ending import end_when_kept
from chat.responses.deltas import delta_of_whole
from chat.responses.output import COMPLETED, UNREADABLE, Output
from chat.threads import in_thread


class RememberingBackend:
    """Answers, and has the output items stored. The form puts the chunks of a stream together in `output`."""

    def __init__(self, backend: Backend, store: Callable[[Sequence[JsonObject]], None], output: Output) -> None:
        self._backend, self._store, self._output = backend, store, output
        self.stream_seconds = backend.stream_seconds

    async def complete(self, payload: Payload) -> Completion:
        """The language model's answer. Raises ApiError."""
        answer = await self._backend.complete(payload)
        await in_thread(lambda: self._store(_items(answer, self._output.key)))
        return answer

    def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """The same in chunks: its text at once, and its end when it is stored. Raises ApiError."""
        chunks, told = self._backend.chunks(payload), FirstChoice().ours
        return end_when_kept(chunks, lambda: self._store(self._output.value()), told)


def _items(answer: Completion, key: str) -> list[JsonObject]:
    """What the form will make of it: nothing if it is broken, which the form tells the caller."""
    output = Output(key)
    try:
        for choice in answer["choices"][:1]:
            for _ in (*output.add(delta_of_whole(choice.get("message"))), *output.end(COMPLETED)):
                pass
    except UNREADABLE:
        return []
    return output.value()
