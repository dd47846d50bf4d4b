"""The Django app, and how loaddata restores personalities with their history."""

from django.apps import AppConfig
from django.db import connections, models
from django.db.models.signals import post_save, pre_save


class PersonalitiesConfig(AppConfig):
    """Connects the cache to saves and deletions, and the history to loaddata."""

    name = "personalities"
    # Triggers that migrations create in SQL, and their tables: companion/database_schema.py checks that they are there.
    triggers_in_sql = dict.fromkeys(("keep_new", "keep_change", "keep_restored"), "personalities_personality")

    def ready(self) -> None:
        """Forget the copies of a personality after each save and deletion; prepare for rows that loaddata restores."""
        from personalities.cache import config_cache, pop_changed_keys
        from personalities.models import Personality

        config_cache.forget_on_save(Personality, pop_changed_keys)
        pre_save.connect(begin_restoring, sender=Personality, dispatch_uid="restoring")
        post_save.connect(end_restoring, sender=Personality, dispatch_uid="restoring")


def begin_restoring(sender: type[models.Model], raw: bool, using: str, **_: object) -> None:
    """Tell the triggers that this row's history is in the fixture too, so that they do not record it again.

    A row whose version is not there at COMMIT gets one all the same (migrations/0009).
    """
    if raw:
        _set_restoring(using, "on")


def end_restoring(sender: type[models.Model], raw: bool, using: str, **_: object) -> None:
    """Later writes in this transaction are recorded normally."""
    if raw:
        _set_restoring(using, "off")


def _set_restoring(using: str, value: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('companion.restoring', %s, true)", [value])
