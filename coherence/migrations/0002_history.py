from django.db import migrations, models

# The timeline that PostgreSQL writes now: a promotion or a recovery to a point in time begins another. The control file
# would not do, because it names the new one only after a checkpoint. Where there is none (a standby, a PostgreSQL with a
# storage of its own) it is empty.
TIMELINE = """
CREATE FUNCTION public.coherence_timeline() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN left(pg_walfile_name(pg_current_wal_lsn()), 8);
EXCEPTION WHEN OTHERS THEN
    RETURN '';
END
$$;
"""
DROP_TIMELINE = "DROP FUNCTION public.coherence_timeline();"


class Migration(migrations.Migration):

    dependencies = [('coherence', '0001_initial')]

    operations = [
        migrations.CreateModel(
            name='History',
            fields=[
                ('id', models.SmallIntegerField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=32)),
                ('place', models.CharField(max_length=200)),
            ],
        ),
        migrations.RunSQL(TIMELINE, DROP_TIMELINE),
    ]
