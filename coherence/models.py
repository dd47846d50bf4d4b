from django.db import models

EVERYTHING = "*"


class Change(models.Model):
    """One line of the change log, written by PostgreSQL itself: the row known as `key` changed in commit `number`.

    Numbers appear in the order of commits, and a commit has one number, however many rows it changes. A key names its
    kind first: `personality:global:elara`. The key `*` says that anything may have changed.
    """

    pk = models.CompositePrimaryKey("number", "key")
    number = models.BigIntegerField()
    key = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"{self.number} {self.key}"
