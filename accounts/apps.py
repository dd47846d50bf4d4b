"""The app, and the models whose saves this process notices at once."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Saves of users and keys invalidate the copies that this process keeps of them."""

    name = "accounts"

    def ready(self) -> None:
        """Connect the signals; models can be imported only now."""
        from django.contrib.auth.models import User

        from accounts.models import ApiKey
        from accounts.verification import keys, users

        keys.forget_on_save(ApiKey, lambda key: [key.prefix])
        users.forget_on_save(User, lambda user: [user.pk])
