"""The history of each personality: a row for every change but TRUNCATE, written by a trigger whatever made the change.

`coherence` calls something else a history: the course of the database's commits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pgtrigger
from django.db import connection, models, transaction

from personalities.config import MAX_NOTE_LENGTH, PersonalityConfig, config_of
from personalities.fields import NameField
from personalities.models.personality import Personality

# loaddata writes existing rows again, with times that JSON has cut to milliseconds: equal rows are left as they are.
SAME_OR_REFUSED = """
IF TG_OP = 'UPDATE' THEN
    IF NEW.created_at = date_trunc('milliseconds', OLD.created_at) THEN
        NEW.created_at := OLD.created_at;
    END IF;
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN OLD;
    END IF;
END IF;
RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;
"""
# personalities_prune_history (migrations/0009) sets companion.pruning, and runs with the rights of the table's owner.
UNLESS_PRUNED = """
IF TG_OP = 'DELETE' AND current_setting('companion.pruning', true) = 'on'
    AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
    RETURN OLD;
END IF;
"""
AUTHORED = """
WITH outer_block AS MATERIALIZED (
    SELECT coalesce(current_setting('companion.author', true), '') AS author,
           coalesce(current_setting('companion.note', true), '') AS note
)
SELECT author, note, set_config('companion.author', %s, true), set_config('companion.note', %s, true) FROM outer_block
"""


class Event(models.TextChoices):
    """What happened to the personality."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


class Version(models.Model):
    """A personality as it was from `created_at` on. It outlives the personality and the author.

    A trigger (migrations/0003) writes it in the transaction of the change. No statement edits it, and of those that
    delete rows only `personalities.pruning` can; TRUNCATE is left to the owner of the table.
    """

    personality = models.ForeignKey(
        Personality, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="versions"
    )
    number = models.PositiveIntegerField(help_text="The version of the personality.")
    event = models.CharField(max_length=10, choices=Event)
    author = models.CharField(max_length=150, blank=True, help_text="Who made the change. Empty: unknown.")
    note = models.CharField(max_length=MAX_NOTE_LENGTH, blank=True, help_text="The reason for the change.")
    created_at = models.DateTimeField()
    state = models.JSONField(help_text="The row, by column.")

    class Meta:
        # Not by number, which may repeat: a row that was deleted and restored goes on counting from where it was.
        ordering = ("-id",)
        indexes = [models.Index(fields=("personality", "number"), name="version_of_personality")]
        triggers = [
            pgtrigger.Trigger(
                name="append_only",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=UNLESS_PRUNED + SAME_OR_REFUSED,
            )
        ]

    def __str__(self) -> str:
        return f"{self.state['personality_name']}, version {self.number}"

    def as_personality(self) -> Personality:
        """An unsaved Personality with its values in this version. A column that did not exist then has its default."""
        fields = [field for field in Personality._meta.concrete_fields if field.column in self.state]
        return Personality(**{field.attname: _value_in_version(field, self.state[field.column]) for field in fields})

    def to_config(self) -> PersonalityConfig:
        """The configuration of this version."""
        return config_of(self.as_personality())


def _value_in_version(field: "models.Field[Any, Any]", value: object) -> Any:
    """The value that `field` had. A name stays as it was, even if it would be refused today."""
    return value if isinstance(field, NameField) else field.to_python(value)


class Pruning(models.Model):
    """What was removed of the history of a personality, when, why and by which role of the database.

    `personalities_prune_history` (migrations/0009) writes it in the statement that removes the versions.
    """

    personality_id = models.UUIDField()
    first = models.PositiveIntegerField(help_text="The lowest version removed.")
    last = models.PositiveIntegerField(help_text="The highest version removed.")
    removed = models.PositiveIntegerField(help_text="How many.")
    reason = models.CharField(max_length=MAX_NOTE_LENGTH)
    role = models.CharField(max_length=63)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        triggers = [
            pgtrigger.Trigger(
                name="append_only",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=SAME_OR_REFUSED,
            )
        ]

    def __str__(self) -> str:
        return f"{self.removed} versions of {self.personality_id}, {self.first} to {self.last}"


@contextmanager
def authored(author: str, note: str = "") -> Iterator[None]:
    """Attribute the changes made in the block to `author`, with `note` as the reason. The block is one
    transaction, or part of the one that it is in. Blocks may be nested: the innermost counts."""
    with transaction.atomic(savepoint=False):
        before = _set_author(author, note)
        yield
        _set_author(*before)  # after an error the transaction is over anyway


def _set_author(author: str, note: str) -> tuple[str, str]:
    """Return the author and the note that were set before."""
    with connection.cursor() as cursor:
        cursor.execute(AUTHORED, [author, note])
        before_author, before_note, *_ = cursor.fetchone()
    return before_author, before_note
