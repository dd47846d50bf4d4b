from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """Looks through the messages with a lock that stops neither readers nor writers. See `0004`."""

    dependencies = [
        ('conversations', '0007_deleted_responses'),
    ]

    operations = [
        ValidateConstraint(model_name='message', name='message_role_known'),
        ValidateConstraint(model_name='message', name='message_parts_bounded'),
    ]
