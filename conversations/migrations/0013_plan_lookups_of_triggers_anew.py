import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    """The trigger that keeps messages in order plans its lookups each time: kept plans were those of a small table."""

    dependencies = [
        ('conversations', '0012_readable_times_of_messages'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='message',
            name='unbroken',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='message',
            trigger=pgtrigger.compiler.Trigger(name='unbroken', sql=pgtrigger.compiler.UpsertTriggerSql(constraint='CONSTRAINT', declare='DECLARE found boolean;', func="\nIF TG_OP = 'INSERT' AND NEW.position > 1 THEN\n    EXECUTE 'SELECT EXISTS (SELECT FROM public.conversations_message WHERE conversation_id = $1 AND position = $2)'\n        INTO found USING NEW.conversation_id, NEW.position - 1;\n    IF NOT found THEN\n        RAISE EXCEPTION 'message % of conversation % follows none', NEW.position, NEW.conversation_id\n            USING ERRCODE = 'check_violation';\n    END IF;\nEND IF;\nIF TG_OP = 'DELETE' THEN\n    EXECUTE 'SELECT EXISTS (SELECT FROM public.conversations_conversation WHERE id = $1)'\n        INTO found USING OLD.conversation_id;\n    IF found THEN\n        RAISE EXCEPTION 'message % of conversation % goes only with the whole', OLD.position, OLD.conversation_id\n            USING ERRCODE = 'check_violation';\n    END IF;\nEND IF;\nRETURN NULL;\n", hash='b368886c024ca303195bf15132f197d08c7a0a5f', operation='INSERT OR DELETE', pgid='pgtrigger_unbroken_6a985', table='conversations_message', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
    ]
