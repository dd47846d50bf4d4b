"""A personality's first words in a conversation, with names in place of the author's placeholders."""

import re

from personalities.config import PersonalityConfig
from personalities.prompt.wishes import Wishes

# Authors know these from other programs. No other placeholder is filled in, and none at all outside a greeting.
PLACEHOLDER = re.compile(r"\{\{ ?(?:(user)|char) ?\}\}|<(?:(user)|char|bot)>", re.ASCII | re.IGNORECASE)
NAMELESS = "you"  # where the user has not said what to call them: Hello, you!


def greeting_for(config: PersonalityConfig, wishes: Wishes) -> str:
    """What `config` says first to a user with `wishes`; "" if the author has given no greeting.

    `{{user}}` and `<USER>` stand for what the user wants to be called, unless the author has locked that; `{{char}}`,
    `<CHAR>` and `<BOT>` for the personality's name. A placeholder within a name is left as it is.
    """
    locked = "call_me" in config.locked_preferences
    user = ("" if locked else (wishes.call_me or "").strip()) or NAMELESS
    greeting = config.greeting if (config.greeting or "").strip() else None
    return PLACEHOLDER.sub(lambda found: user if found[1] or found[2] else config.display_name, greeting or "")
