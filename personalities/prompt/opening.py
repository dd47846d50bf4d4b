"""The prompt of a conversation that begins now, with the greeting if the operator has language models told it there."""

from django.conf import settings

from personalities.config import PersonalityConfig
from personalities.prompt import Prompt, Wishes, assemble, greeting_for

IN_PROMPT = "prompt"  # a value of LLM_GREETING


def greets_in_prompt() -> bool:
    """Whether the greeting goes into the prompt: some servers refuse messages that begin with an assistant's."""
    return bool(settings.LLM_GREETING == IN_PROMPT)


def prompt_at_first(config: PersonalityConfig, wishes: Wishes | None = None) -> Prompt:
    """The prompt of a conversation that begins now, for a user with `wishes`; with the greeting if it belongs there."""
    greeting = greeting_for(config, wishes or Wishes()) if greets_in_prompt() else ""
    return assemble(config, wishes, greeting)
