from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.contrib.postgres.search import SearchVector
from django.db import migrations, models

JOINTS = '-_.,:;/@#&+<>=~'


def apart(field):
    joints, spaces = models.Value(JOINTS), models.Value(' ' * len(JOINTS))
    return models.Func(models.F(field), joints, spaces, function='translate', output_field=models.TextField())


class Migration(migrations.Migration):
    """Builds the index concurrently, so that no writer has to wait. What an interrupted attempt left is dropped first."""

    atomic = False

    dependencies = [('personalities', '0009_prune_history')]

    operations = [
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS personality_words', migrations.RunSQL.noop),
        AddIndexConcurrently(
            'personality',
            GinIndex(
                SearchVector(apart('personality_name'), apart('display_name'), config='simple'),
                name='personality_words',
            ),
        ),
    ]
