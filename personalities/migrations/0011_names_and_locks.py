import django.db.models.lookups
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """Refuses, in rows that are written from now on, what could not be read or saved again.

    The constraints are never validated: a database that already has such a row must be able to upgrade. The row is read
    as before; the next change of it has to put it right as well.
    """

    dependencies = [('personalities', '0010_search')]

    operations = [
        AddConstraintNotValid(
            model_name='personality',
            constraint=models.CheckConstraint(condition=models.Q(('personality_name__regex', '^(lint|resolve)$'), _negated=True), name='personality_name_not_reserved'),
        ),
        AddConstraintNotValid(
            model_name='personality',
            constraint=models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(models.Func('locked_preferences', function='array_ndims', output_field=models.IntegerField()), 1), name='personality_locked_preferences_flat'),
        ),
    ]
