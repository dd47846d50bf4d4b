"""The change log's table. `triggers` writes it, `log` reads it."""

from django.db import models

EVERYTHING = "*"


class Change(models.Model):
    """One line of the change log, written by triggers: the row known as `key` changed in commit `number`.

    Numbers become visible in the order of commits, and a commit has one number however many rows it changes. A key
    begins with its kind: `personality:global:elara`. The key `*` means that anything may have changed.
    """

    pk = models.CompositePrimaryKey("number", "key")
    number = models.BigIntegerField()
    key = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"{self.number} {self.key}"
