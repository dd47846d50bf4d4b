"""The prompts to which conversations are pinned, each stored once under its SHA-256."""

from functools import lru_cache

from django.db import connection

from conversations.models import Prompt
from personalities.prompt import CommonPrefix

IN_MEMORY = 1000  # texts in each process, of some 5 KiB; of 30 where authors have filled all fields with emoji
# As a foreign key does: until the end of the transaction nobody can delete it. Django knows no FOR KEY SHARE.
LOCK = "SELECT 1 FROM conversations_prompt WHERE sha256 = %s FOR KEY SHARE"
INSERT = "INSERT INTO conversations_prompt (sha256, text) VALUES (%s, %s) ON CONFLICT DO NOTHING"


def keep(prompt: CommonPrefix) -> None:
    """Stores the prompt if it is not, for a row of the same transaction that will refer to it."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [prompt.sha256])
        while not cursor.rowcount:  # new, or its last conversation was deleted a moment ago
            cursor.execute(INSERT, prompt)
            cursor.execute(LOCK, [prompt.sha256])


@lru_cache(maxsize=IN_MEMORY)  # never outdated, because a text is known by its hash
def load(sha256: str) -> CommonPrefix:
    """The prompt, from this process's memory or PostgreSQL. Raises Prompt.DoesNotExist."""
    return CommonPrefix(sha256, Prompt.objects.values_list("text", flat=True).get(pk=sha256))
