from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """Not to be undone while there is a message of a tool.

    It locks the messages for a moment only: it looks at none of them, `0008` does that. `parts_bytes` is no
    PositiveIntegerField because that has a constraint, for which PostgreSQL would look through the table.
    """

    dependencies = [
        ('conversations', '0003_keep_pinned_versions'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='message',
            name='message_role_known',
        ),
        migrations.AddField(
            model_name='message',
            name='parts',
            field=models.JSONField(blank=True, help_text='Its content, if there is more in it than text.', null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='parts_bytes',
            field=models.IntegerField(db_default=0, default=0, help_text='Of the parts, as JSON.'),
        ),
        migrations.AddField(
            model_name='message',
            name='tool_call_id',
            field=models.TextField(blank=True, db_default='', default='', help_text='The call whose result it is.'),
        ),
        migrations.AddField(
            model_name='message',
            name='tool_calls',
            field=models.JSONField(blank=True, help_text='What an answer calls.', null=True),
        ),
        migrations.AlterField(
            model_name='message',
            name='content',
            field=models.TextField(help_text='Its text; if it has parts, theirs.'),
        ),
        migrations.AlterField(
            model_name='message',
            name='role',
            field=models.CharField(choices=[('user', 'User'), ('assistant', 'Assistant'), ('system', 'System'), ('tool', 'Tool')], max_length=10),
        ),
        AddConstraintNotValid(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['user', 'assistant', 'system', 'tool'])), name='message_role_known'),
        ),
        AddConstraintNotValid(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('parts__isnull', True), ('parts_bytes', 0)), models.Q(('parts__isnull', False), ('parts_bytes__range', (1, 1048576))), _connector='OR'), name='message_parts_bounded'),
        ),
    ]
