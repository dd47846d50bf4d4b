"""The Django application, and what happens when a conversation is deleted."""

from django.apps import AppConfig
from django.db import models, transaction
from django.db.models.signals import post_delete

from conversations import redis_list


class ConversationsConfig(AppConfig):
    """Connects the signal."""

    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Called by Django once all models are loaded."""
        post_delete.connect(delete_list, sender="conversations.Conversation", dispatch_uid="conversations")


def delete_list(sender: type[models.Model], instance: models.Model, using: str, **_: object) -> None:
    """Deletes the conversation's messages from Redis once the transaction commits, whatever deleted the row."""
    id = instance.pk  # which Django clears once the signal has been handled

    def delete() -> None:  # a named function, because Django's log of a failing hook cannot name a partial
        redis_list.delete(id)

    transaction.on_commit(delete, using=using, robust=True)
