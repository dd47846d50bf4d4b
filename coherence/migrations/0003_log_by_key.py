from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Builds the index concurrently, so that no writer has to wait, however long the log is. What an interrupted attempt
    has left behind is dropped first.
    """

    atomic = False

    dependencies = [('coherence', '0002_history')]

    operations = [
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS coherence_change_by_key', migrations.RunSQL.noop),
        AddIndexConcurrently('change', models.Index(fields=['key', 'number'], name='coherence_change_by_key')),
    ]
