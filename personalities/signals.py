"""Saves and deletions forget the cached copies, when they are committed and not before."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from personalities.copies import forget_on_commit
from personalities.models import Personality


@receiver([post_save, post_delete], sender=Personality)
def forget_copies(sender: type[Personality], instance: Personality, using: str, **kwargs: Any) -> None:
    """A rename makes the old name untrue as well."""
    forget_on_commit({instance.key, instance.stored_key or instance.key}, using=using)
    instance.stored_key = instance.key
