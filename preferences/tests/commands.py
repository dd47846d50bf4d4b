"""What tests of the commands share: running them, names in Redis, and writes that go unnoticed."""

from io import StringIO

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from preferences.cache import codec
from tests.database import sql

AUDIT, CLEAR = "audit_preferences_cache", "clear_preferences_cache"


def name(user: User) -> str:
    return settings.REDIS_KEY_PREFIX + codec.redis_key(user.pk)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def unnoticed(statement: str) -> None:
    """The change log does not hear of it."""
    sql("ALTER TABLE preferences_preferences DISABLE TRIGGER USER")
    sql(statement)
    sql("ALTER TABLE preferences_preferences ENABLE TRIGGER USER")
