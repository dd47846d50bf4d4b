"""How a personality wants the language model to be asked."""

import logging
from functools import lru_cache
from typing import Any

import msgspec

from chat.metrics import numbers
from personalities.config import PersonalityConfig
from personalities.language_models import offered

logger = logging.getLogger(__name__)


def parameters(config: PersonalityConfig) -> dict[str, Any]:
    """Those of a request. A model that is not offered is not asked: then the service's own answers."""
    given = {name: value for name, value in msgspec.structs.asdict(config.generation).items() if value is not None}
    models = offered()
    if models and given.get("model", models[0]) not in models:
        numbers.not_offered += 1
        _warn(given.pop("model"))
    return given


@lru_cache(maxsize=1000)  # remembers of which it has warned
def _warn(model: str) -> None:
    logger.warning("The language model %s is not in LLM_MODELS: LLM_MODEL is asked in its place.", model)
