"""create_api_key: make an API key and print it once."""

from argparse import ArgumentParser

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import MAX_NAME, ApiKey


class Command(BaseCommand):
    """Prints the key alone to standard output, for scripts; everything else goes to standard error."""

    help = "Make an API key for USER, who is created if missing, and print it. It cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take USER and --name."""
        parser.add_argument("user", help="user name")
        parser.add_argument("--name", default="", help="what the key is for")

    @transaction.atomic
    def handle(self, *args: object, user: str, name: str, **options: object) -> str:
        """The key. Raises CommandError for a name that is too long, an invalid user name or an inactive user."""
        if len(name) > MAX_NAME:
            raise CommandError(f"--name: at most {MAX_NAME} characters")
        owner = self._find_or_create(user)
        if not owner.is_active:
            raise CommandError(f"user: {owner} is not active; no key of theirs would be accepted")
        key, text = ApiKey.objects.issue(owner, name)
        self.stderr.write(
            f"Key {key} of {owner}. Keep it: it is not shown again. `revoke_api_key {key.prefix}` ends it."
        )
        return text

    def _find_or_create(self, username: str) -> User:
        try:
            return User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            user = User(username=username)
        user.set_unusable_password()  # a program signs in with its key only
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError(f"user: {'; '.join(error.messages)}") from None
        user.save()
        self.stderr.write(f"Created user {username}, without a password and without staff rights.")
        return user
