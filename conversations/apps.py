"""The Django application, and what happens when a conversation is deleted."""

from django.apps import AppConfig
from django.db import models
from django.db.models.signals import post_delete

from conversations import redis_list
from resilience.transactions import after_commit


class ConversationsConfig(AppConfig):
    """Has the messages of a conversation deleted from Redis when it is deleted."""

    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"
    # Triggers that migrations create in SQL, and their tables: companion/database_schema.py checks that they are there.
    triggers_in_sql = {"pinned_stay": "personalities_version"}

    def ready(self) -> None:
        """Connect the signal; models are loaded by now."""
        post_delete.connect(delete_list, sender="conversations.Conversation", dispatch_uid="conversations")


def delete_list(sender: type[models.Model], instance: models.Model, using: str, **_: object) -> None:
    """Deletes the conversation's messages from Redis once the transaction commits, whatever deleted the row."""
    after_commit(redis_list.delete, instance.pk, using=using)
