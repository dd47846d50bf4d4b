"""Who answers here, as the settings say."""

from django.conf import settings

from chat.backends.absent import Absent
from chat.backends.backend import Backend
from chat.backends.console import Console


def chosen() -> Backend:
    if settings.CHAT_BACKEND == "console":
        return Console(settings.LLM_MODEL)
    return _upstream() if settings.LLM_BASE_URL else Absent()


def _upstream() -> Backend:
    # Imported here: httpx costs a start more than a tenth of a second, and who has no language model needs none.
    from chat.backends.upstream import Deadlines, Upstream

    deadlines = Deadlines(
        connect=settings.LLM_CONNECT_SECONDS,
        first_byte=settings.LLM_FIRST_BYTE_SECONDS,
        idle=settings.LLM_IDLE_SECONDS,
        total=settings.LLM_TOTAL_SECONDS,
    )
    return Upstream(settings.LLM_BASE_URL, settings.LLM_API_KEY, settings.LLM_MODEL, deadlines)
