"""The service, in a process that has read the personality before and has a connection, as one that serves has."""

from benchmarks.commands import Commands, timed
from benchmarks.subject import NAME


def commands() -> Commands:
    import django

    django.setup()
    from django.db import connection

    from personalities.models import Personality

    connection.ensure_connection()
    return timed(id=lambda: Personality.objects.get_id(NAME), config=lambda: Personality.objects.get_config(NAME))
