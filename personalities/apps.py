from django.apps import AppConfig


class PersonalitiesConfig(AppConfig):
    name = "personalities"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from personalities import signals  # noqa: F401  connects them
