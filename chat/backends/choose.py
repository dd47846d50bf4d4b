"""Chooses the backend that the settings ask for."""

from collections.abc import AsyncGenerator
from http import HTTPStatus

from django.conf import settings

from chat.backends import Backend, Chunk, Completion, Payload
from chat.backends.console import ConsoleBackend
from chat.errors import ApiError, api_error


def choose_backend() -> Backend:
    """The backend that CHAT_BACKEND and LLM_BASE_URL ask for."""
    if settings.CHAT_BACKEND == "console":
        return ConsoleBackend(settings.LLM_MODEL)
    return _upstream() if settings.LLM_BASE_URL else UnconfiguredBackend()


def _upstream() -> Backend:
    # Imported here because a service without a language model needs none of what it imports.
    from chat.backends.upstream import Deadlines, UpstreamBackend

    deadlines = Deadlines(
        connect=settings.LLM_CONNECT_SECONDS,
        first_byte=settings.LLM_FIRST_BYTE_SECONDS,
        idle=settings.LLM_IDLE_SECONDS,
        total=settings.LLM_TOTAL_SECONDS,
    )
    return UpstreamBackend(
        settings.LLM_BASE_URL,
        settings.LLM_API_KEY,
        settings.LLM_MODEL,
        deadlines,
        headers=settings.LLM_SECRET_HEADERS,
        ca_file=settings.LLM_CA_FILE,
        networks=settings.LLM_NETWORKS,
        max_tokens=settings.LLM_MAX_TOKENS_PARAMETER,
    )


class UnconfiguredBackend:
    """Stands in where no language model is configured, and says so to every caller."""

    stream_seconds: float | None = None

    async def complete(self, payload: Payload) -> Completion:
        """No answer: raises ApiError, 503 with the code `upstream_not_configured`."""
        raise _not_configured()

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """No chunk: raises ApiError, 503 with the code `upstream_not_configured`."""
        raise _not_configured()
        yield {"choices": []}  # makes this a generator


def _not_configured() -> ApiError:
    message = "No language model is configured here: set LLM_BASE_URL and LLM_MODEL, or CHAT_BACKEND=console."
    return api_error(HTTPStatus.SERVICE_UNAVAILABLE, message, "upstream_not_configured")
