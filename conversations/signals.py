"""Who deletes a conversation, by whatever model it went, leaves nothing of it in Redis."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from conversations import buffer
from conversations.models import Conversation


@receiver(post_delete, sender=Conversation, dispatch_uid="conversations")
def forget_on_commit(sender: type[Conversation], instance: Conversation, using: str, **kwargs: Any) -> None:
    id = instance.pk  # which the instance has no more when it is deleted

    def forget_committed() -> None:  # a named function: Django's report of a failing hook cannot name a partial
        buffer.forget(id)

    transaction.on_commit(forget_committed, using=using, robust=True)
