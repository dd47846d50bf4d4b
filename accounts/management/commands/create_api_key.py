from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import ApiKey


class Command(BaseCommand):
    help = "Make an API key for USER, who is made when missing, and print it: the only time it can be seen."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("--name", default="", help="what the key is for")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> str:
        if len(options["name"]) > 100:
            raise CommandError("--name: at most 100 characters")
        user = self._user(options["user"])
        if not user.is_active:
            raise CommandError(f"user: {user} is not active; no key of theirs would be accepted")
        key, text = ApiKey.objects.issue(user, options["name"])
        self.stderr.write(
            f"Key {key} of {user}. Keep it: it is not shown again. `revoke_api_key {key.prefix}` ends it."
        )
        return text

    def _user(self, username: str) -> Any:
        users = get_user_model()
        try:
            return users._default_manager.get_by_natural_key(username)
        except users.DoesNotExist:
            user = users(username=username)
        user.set_unusable_password()  # a program signs in with its key only
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError(f"user: {'; '.join(error.messages)}") from None
        user.save()
        self.stderr.write(f"Made user {username}, without a password and without rights of staff.")
        return user
