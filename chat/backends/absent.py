"""Nobody is there to answer."""

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any

from chat.backends.backend import Chunk, Payload
from chat.errors import ApiError, upstream

MESSAGE = "No language model is configured here: set LLM_BASE_URL and LLM_MODEL, or CHAT_BACKEND=console."


class Absent:
    seconds: float | None = None

    async def complete(self, payload: Payload) -> dict[str, Any]:
        raise _error()

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        raise _error()
        yield {}  # what makes it a generator


def _error() -> ApiError:
    return upstream(HTTPStatus.SERVICE_UNAVAILABLE, MESSAGE, "upstream_not_configured")
