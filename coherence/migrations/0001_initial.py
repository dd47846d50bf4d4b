from django.db import migrations, models

# The number is taken by the first change of a transaction and shared by the others. Triggers call this when the
# transaction commits, so the lock is held from there to the end of the commit: whoever sees a number sees all lower
# ones. A row with a counter would do the same, but fails concurrent REPEATABLE READ transactions; looking up the log's
# own maximum here fails SERIALIZABLE ones. A number is never below the clock (in ms): a restored backup must not give
# out again numbers that copies in Redis already carry. If the lock is held for long, others fail loudly, not hang.
NOTE = """
CREATE SEQUENCE public.coherence_number;
CREATE FUNCTION public.coherence_note(changed text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    mine text := current_setting('coherence.number', true);
    transaction text := pg_current_xact_id()::text;
    next bigint;
BEGIN
    IF mine LIKE transaction || ':%' THEN
        next := split_part(mine, ':', 2);
    ELSE
        PERFORM pg_advisory_xact_lock(hashtext('coherence'), 0);
        next := setval('coherence_number', greatest(
            nextval('coherence_number'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint));
        PERFORM set_config('coherence.number', transaction || ':' || next, true);
        PERFORM pg_notify('coherence', next::text);
    END IF;
    INSERT INTO coherence_change (number, key) VALUES (next, changed) ON CONFLICT DO NOTHING;
END
$$;
"""
DROP_NOTE = "DROP FUNCTION public.coherence_note(text); DROP SEQUENCE public.coherence_number;"


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('pk', models.CompositePrimaryKey('number', 'key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField()),
                ('key', models.CharField(max_length=200)),
            ],
        ),
        migrations.RunSQL(NOTE, DROP_NOTE),
    ]
