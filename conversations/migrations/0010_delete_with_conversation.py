from django.db import migrations

TABLES = ('conversations_earlierprompt', 'conversations_deletedresponse')
# Both orders of locking are in use, and others queue behind whoever waits for such a lock: so it never waits for long.
REFER = """
DO $$
DECLARE found text;
BEGIN
    SELECT conname INTO STRICT found FROM pg_constraint WHERE contype = 'f'
    AND conrelid = 'public.{table}'::regclass AND confrelid = 'public.conversations_conversation'::regclass;
    PERFORM set_config('lock_timeout', '200ms', true);
    LOOP
        BEGIN
            LOCK TABLE public.conversations_conversation, public.{table} IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.1);
        END;
    END LOOP;
    EXECUTE format('ALTER TABLE public.{table} DROP CONSTRAINT %1$I, ADD CONSTRAINT %1$I
        FOREIGN KEY (conversation_id) REFERENCES public.conversations_conversation (id) {on_delete}
        DEFERRABLE INITIALLY DEFERRED NOT VALID', found);
END $$
"""
VALIDATE = """
DO $$
DECLARE found text;
BEGIN
    SELECT conname INTO STRICT found FROM pg_constraint WHERE contype = 'f'
    AND conrelid = 'public.{table}'::regclass AND confrelid = 'public.conversations_conversation'::regclass;
    EXECUTE format('ALTER TABLE public.{table} VALIDATE CONSTRAINT %I', found);
END $$
"""


def _refer(table, on_delete):
    return [REFER.format(table=table, on_delete=on_delete), VALIDATE.format(table=table)]


class Migration(migrations.Migration):
    """So that workers of the release before, which know neither table, can delete a conversation that has rows there.

    Each statement is a transaction: locks are held for a moment, and what looks through a table stops nobody.
    """

    atomic = False

    dependencies = [('conversations', '0009_how_answers_end')]

    operations = [
        migrations.RunSQL(_refer(table, 'ON DELETE CASCADE'), _refer(table, '')) for table in TABLES
    ]
