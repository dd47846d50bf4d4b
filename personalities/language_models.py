"""Which language models an author may choose: the operator says, who pays for them."""

from django.conf import settings


def offered() -> tuple[str, ...]:
    """The service's own first. None where no language model is configured: then any may be written, for files and
    rows that come from, or go to, where there is one.
    """
    return tuple(dict.fromkeys([settings.LLM_MODEL, *settings.LLM_MODELS])) if settings.LLM_MODEL else ()
