from functools import lru_cache
from uuid import UUID

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, migrations, models, transaction

BATCH = 1000  # conversations in a transaction: whoever writes to one of them waits for as long
NEXT = """
SELECT id, personality_id, personality_version FROM conversations_conversation
WHERE id > %s AND prompt_id IS NULL ORDER BY id LIMIT %s
"""
PIN = """
UPDATE conversations_conversation AS conversation SET prompt_id = found.prompt_id
FROM unnest(%s::uuid[], %s::text[]) AS found (id, prompt_id)
WHERE conversation.id = found.id AND conversation.prompt_id IS NULL
"""


def pin(apps, schema_editor):
    """Each conversation to the prompt that this release makes of the version it has.

    One whose version is not in the history is left out: chat cannot go on with it either.
    """
    prompt_of = lru_cache(maxsize=2000)(lambda *pinned: _prompt(apps.get_model('personalities', 'Version'), *pinned))
    last = UUID(int=0)
    while batch := _rows(NEXT, [last, BATCH]):
        last = batch[-1][0]
        _pin({id: prompt for id, *pinned in batch if (prompt := prompt_of(*pinned))})


@transaction.atomic
def _pin(found):
    from conversations import prompts

    for prompt in sorted(set(found.values())):
        prompts.keep(prompt)
    with connection.cursor() as cursor:
        cursor.execute(PIN, [[*found], [prompt.sha256 for prompt in found.values()]])


def _prompt(versions, personality, number):
    """None for a version that is not there. See `pinning.config_of`."""
    from personalities.models import Version
    from personalities.prompt import stable

    rows = versions.objects.filter(personality_id=personality, number=number).exclude(event='deleted').order_by('-id')
    state = rows.values_list('state', flat=True).first()
    return None if state is None else stable(Version(state=state).to_config())


def _rows(statement, parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


class Migration(migrations.Migration):
    """Neither stops writers, however many conversations there are: the one goes in batches, the other concurrently.
    Interrupted, it begins where it was.
    """

    atomic = False

    dependencies = [('conversations', '0005_frozen_prompts')]

    operations = [
        migrations.RunPython(pin, migrations.RunPython.noop),
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS conversations_of_prompt', migrations.RunSQL.noop),
        AddIndexConcurrently('conversation', models.Index(fields=['prompt'], name='conversations_of_prompt')),
    ]
