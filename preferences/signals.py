"""Saves and deletions forget the cached copy, when they are committed and not before."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from preferences.copies import forget_on_commit
from preferences.models import Preferences


@receiver([post_save, post_delete], sender=Preferences)
def forget_copies(sender: type[Preferences], instance: Preferences, using: str, **kwargs: Any) -> None:
    forget_on_commit(instance.user_id, using=using)
