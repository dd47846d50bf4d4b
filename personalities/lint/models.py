"""Which language model answers."""

from collections.abc import Iterator

from personalities.config import PersonalityConfig
from personalities.language_models import offered
from personalities.lint.finding import Finding


def not_offered(config: PersonalityConfig) -> Iterator[Finding]:
    """Chat would ask another one in its place."""
    model, models = config.generation.model, offered()
    if model and models and model not in models:
        message = f"This language model is not offered here. Offered are: {', '.join(models)}."
        yield Finding(severity="error", rule="model-not-offered", field="generation.model", message=message)
