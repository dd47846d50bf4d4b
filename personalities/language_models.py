"""Which language models an author may choose: the operator decides, who pays for them."""

from django.conf import settings


def offered() -> tuple[str, ...]:
    """The names of the models on offer, the service's own first.

    Empty where no language model is configured. Then any name may be written, for files and rows that come from, or go
    to, a service that has one.
    """
    return tuple(dict.fromkeys([settings.LLM_MODEL, *settings.LLM_MODELS])) if settings.LLM_MODEL else ()
