"""Saves and deletions forget the cached copies, when they are committed and not before."""

from typing import Any

from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.dispatch import receiver

from personalities.copies import forget_on_commit
from personalities.models import Personality


@receiver([pre_save, pre_delete], sender=Personality)
def note_stored_key(sender: type[Personality], instance: Personality, using: str, **kwargs: Any) -> None:
    """A rename makes the old name untrue as well, and only the database still knows it."""
    rows = sender._base_manager.using(using).filter(pk=instance.pk)
    instance._stored_keys = set(rows.values_list("owner_id", "personality_name"))  # type: ignore[attr-defined]


@receiver([post_save, post_delete], sender=Personality)
def forget_copies(sender: type[Personality], instance: Personality, using: str, **kwargs: Any) -> None:
    forget_on_commit({instance.key, *getattr(instance, "_stored_keys", ())}, using=using)
