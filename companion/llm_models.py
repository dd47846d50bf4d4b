"""LLM_MODELS: the language models that an author may choose, besides LLM_MODEL."""

import re

from django.core.exceptions import ImproperlyConfigured

from personalities.config import LONGEST_MODEL, MODEL


def checked(names: list[str], default: str) -> list[str]:
    """The names. Raises ImproperlyConfigured for what nobody can choose, and where there is no `default`."""
    models = [name.strip() for name in names if name.strip()]
    if not all(re.search(MODEL, name) and len(name) <= LONGEST_MODEL for name in models):
        raise ImproperlyConfigured(f"LLM_MODELS: names of {LONGEST_MODEL} letters, digits or . _ : / @ + - at most")
    if models and not default:
        raise ImproperlyConfigured("LLM_MODELS: LLM_MODEL is required with it")
    return models
