"""The Django app."""

from django.apps import AppConfig


class PersonalitiesConfig(AppConfig):
    """Connects the cache to saves and deletions."""

    name = "personalities"

    def ready(self) -> None:
        """Invalidate the keys of a personality after each save and deletion."""
        from personalities.cache import changed_keys, personalities
        from personalities.models import Personality

        personalities.watch(Personality, changed_keys)
