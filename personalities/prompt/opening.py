"""How a conversation opens: a personality's first words, with names in place of the author's placeholders.

And the prompt of a conversation that begins now, with these words if the operator has language models told them there.
"""

import re

from django.conf import settings

from personalities.config import PersonalityConfig
from personalities.prompt import Prompt, Wishes, assemble

# Authors know these from other programs. No other placeholder is filled in, and none at all outside a greeting.
PLACEHOLDER = re.compile(r"\{\{ ?(?:(user)|char) ?\}\}|<(?:(user)|char|bot)>", re.ASCII | re.IGNORECASE)
NAMELESS = "you"  # where the user has not said what to call them: Hello, you!
IN_PROMPT = "prompt"  # a value of LLM_GREETING and of LLM_INSTRUCTIONS


def greeting_for(config: PersonalityConfig, wishes: Wishes) -> str:
    """What `config` says first to a user with `wishes`; "" if the author has given no greeting.

    `{{user}}` and `<USER>` stand for what the user wants to be called, unless the author has locked that; `{{char}}`,
    `<CHAR>` and `<BOT>` for the personality's name. A placeholder within a name is left as it is.
    """
    locked = "call_me" in config.locked_preferences
    user = ("" if locked else (wishes.call_me or "").strip()) or NAMELESS
    greeting = config.greeting if (config.greeting or "").strip() else None
    return PLACEHOLDER.sub(lambda found: user if found[1] or found[2] else config.display_name, greeting or "")


def greets_in_prompt() -> bool:
    """Whether the greeting goes into the prompt: some servers refuse messages that begin with an assistant's."""
    return bool(settings.LLM_GREETING == IN_PROMPT)


def prompt_at_first(config: PersonalityConfig, wishes: Wishes | None = None) -> Prompt:
    """The prompt of a conversation that begins now, for a user with `wishes`; with the greeting if it belongs there."""
    greeting = greeting_for(config, wishes or Wishes()) if greets_in_prompt() else ""
    return assemble(config, wishes, greeting)
