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
FROM unnest(%s::uuid[], %s::integer[], %s::text[]) AS found (id, version, prompt_id)
WHERE conversation.id = found.id AND conversation.personality_version = found.version
AND conversation.prompt_id IS NULL
"""


def pin(apps, schema_editor):
    """Each conversation to the prompt that this release makes of the version it has.

    One whose version is not in the history is left out: chat cannot go on with it either. So is one that the release
    before upgrades meanwhile, for its first use to pin it.
    """
    prompt_of = lru_cache(maxsize=2000)(lambda *version: _prompt(apps.get_model('personalities', 'Version'), *version))
    last = UUID(int=0)
    while batch := _rows(NEXT, [last, BATCH]):
        last = batch[-1][0]
        _pin([(id, number, prompt) for id, whose, number in batch if (prompt := prompt_of(whose, number))])


@transaction.atomic
def _pin(found):
    from conversations import prompts

    for prompt in sorted({prompt for *_, prompt in found}):
        prompts.keep(prompt)
    ids, numbers = [id for id, *_ in found], [number for _, number, _ in found]
    with connection.cursor() as cursor:
        cursor.execute(PIN, [ids, numbers, [prompt.sha256 for *_, prompt in found]])


def _prompt(versions, personality, number):
    """None for a version that is not there. See `pinning.config_of`."""
    from personalities.models import Version
    from personalities.prompt import common_prefix

    rows = versions.objects.filter(personality_id=personality, number=number).exclude(event='deleted').order_by('-id')
    state = rows.values_list('state', flat=True).first()
    return None if state is None else common_prefix(Version(state=state).to_config())


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
