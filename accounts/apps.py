from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from django.contrib.auth.models import User

        from accounts import openapi  # noqa: F401  registers the security scheme
        from accounts.models import ApiKey
        from coherence.hooks import heed

        heed(ApiKey)
        heed(User)
