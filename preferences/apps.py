"""The Django app."""

from django.apps import AppConfig


class PreferencesConfig(AppConfig):
    """Connects the cache to saves and deletions."""

    name = "preferences"

    def ready(self) -> None:
        """Invalidate the key of a user's preferences after each save and deletion."""
        from preferences.cache import wishes
        from preferences.models import Preferences

        wishes.forget_on_save(Preferences, lambda row: [row.user_id])
