"""The Django app."""

from django.apps import AppConfig


class PersonalitiesConfig(AppConfig):
    """Connects the cache to saves and deletions."""

    name = "personalities"

    def ready(self) -> None:
        """Invalidate the keys of a personality after each save and deletion."""
        from personalities.cache import configs, take_changed_keys
        from personalities.models import Personality

        configs.watch(Personality, take_changed_keys)
