"""Who deletes a conversation, by whatever model it went, leaves nothing of it in Redis."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from conversations import buffer
from conversations.models import Conversation


@receiver(post_delete, sender=Conversation, dispatch_uid="conversations")
def forget_on_commit(sender: type[Conversation], instance: Conversation, using: str, **kwargs: Any) -> None:
    transaction.on_commit(partial(buffer.forget, instance.pk), using=using, robust=True)
