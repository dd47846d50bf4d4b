"""What a process does about its own commits, so that it reads them at once. Others hear of them from the log."""

from typing import Any

from django.db import models, transaction
from django.db.models.signals import post_delete, post_save

from coherence.feed import feed


def catch_up_on_commit(using: str) -> None:
    """Robust, as the row is committed: when this fails, the feed hears of it all the same, a little later."""
    transaction.on_commit(feed.catch_up, using=using, robust=True)


def heed(model: type[models.Model]) -> None:
    """Saves and deletions of `model` are known to this process when they return."""
    post_save.connect(_on_write, sender=model)
    post_delete.connect(_on_write, sender=model)


def _on_write(sender: type[models.Model], using: str, **kwargs: Any) -> None:
    catch_up_on_commit(using)
