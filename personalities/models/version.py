"""What each personality was: a row for every change, by whatever means it was made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pgtrigger
from django.db import connection, models, transaction

from personalities.config import MAX_NOTE_LENGTH, PersonalityConfig, config_of
from personalities.models.personality import Personality

AUTHORED = "SELECT set_config('companion.author', %s, true), set_config('companion.note', %s, true)"


class Event(models.TextChoices):
    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


class Version(models.Model):
    """A personality as it was from `created_at` on. It outlives its personality and its author.

    PostgreSQL writes it, in the transaction of the change, and nobody edits it.
    """

    personality = models.ForeignKey(
        Personality, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="versions"
    )
    number = models.PositiveIntegerField(help_text="The version of the personality.")
    event = models.CharField(max_length=10, choices=Event)
    author = models.CharField(max_length=150, blank=True, help_text="Who it was; empty where nobody said.")
    note = models.CharField(max_length=MAX_NOTE_LENGTH, blank=True, help_text="Why.")
    created_at = models.DateTimeField()
    state = models.JSONField(help_text="The row, by column.")

    class Meta:
        # Not by number, which is not unique: a row that was deleted may be put back, and counts from what it had.
        ordering = ("-id",)
        indexes = [models.Index(fields=("personality", "number"), name="version_of_personality")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.state['personality_name']}, version {self.number}"

    def as_personality(self) -> Personality:
        """An instance with what the row was. What had no column then has its default."""
        fields = [field for field in Personality._meta.concrete_fields if field.column in self.state]
        return Personality(**{field.attname: field.to_python(self.state[field.column]) for field in fields})

    def to_config(self) -> PersonalityConfig:
        return config_of(self.as_personality())


@contextmanager
def authored(author: str, note: str = "") -> Iterator[None]:
    """Changes within it are by `author`, who has this to say of them. One transaction."""
    with transaction.atomic():
        _say(author, note)
        yield
        _say("", "")  # not after an error, which ends the transaction


def _say(*values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(AUTHORED, values)
