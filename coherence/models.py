"""The tables of the change log. Triggers and `change_log.record` write it; `change_log` reads and prunes it."""

from django.db import models

EVERYTHING = "*"


class Change(models.Model):
    """One entry of the change log, written by triggers: the row known as `key` changed in commit `number`.

    Numbers become visible in the order of commits, and a commit has one number however many rows it changes. A key
    begins with its kind: `personality:global:elara`. A change of `personality:7:mira` counts as one of its group,
    `personality:7`, too. The key `*` means that anything may have changed.
    """

    pk = models.CompositePrimaryKey("number", "key")
    number = models.BigIntegerField()
    key = models.CharField(max_length=200)

    class Meta:
        indexes = (models.Index(fields=["key", "number"], name="coherence_change_by_key"),)

    def __str__(self) -> str:
        return f"{self.number} {self.key}"


class Milestone(models.Model):
    """When the log reached a number, by PostgreSQL's clock at that time. Noted about once an hour, for pruning."""

    number = models.BigIntegerField(primary_key=True)
    reached_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.number} {self.reached_at:%Y-%m-%d %H:%M}"


class History(models.Model):
    """The `name` of the database's history, in which its numbers count, and the `place` where the row was written.

    A history is an epoch of the sequence of commits, not the past of a row; the place identifies the physical database.
    The table has one row. `change_log` gives it a new name when the place has changed.
    """

    id = models.SmallIntegerField(primary_key=True)
    name = models.CharField(max_length=32)
    place = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name
