"""What the rest of chat knows of whoever answers."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

Payload = Mapping[str, Any]  # a request in OpenAI's shape; the model only where it is not the service's own
Chunk = dict[str, Any]


class Backend(Protocol):
    """Both ways raise ApiError. Cancelled, they leave nothing behind."""

    @property
    def seconds(self) -> float | None:
        """How long a stream may take, which whoever reads it sees to."""

    async def complete(self, payload: Payload) -> dict[str, Any]:
        """A whole `chat.completion`."""

    def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """Each `chat.completion.chunk`. To be read from beginning to end in one task."""
