from django.db import migrations, models


class Migration(migrations.Migration):
    """Locks the messages for a moment only: PostgreSQL looks at none of them to add columns with constant defaults."""

    dependencies = [
        ('conversations', '0008_validate_constraints'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='finish_reason',
            field=models.CharField(blank=True, db_default='', default='', help_text='Why a model ended it.', max_length=64),
        ),
        migrations.AddField(
            model_name='message',
            name='is_refusal',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether its text is a refusal.'),
        ),
    ]
