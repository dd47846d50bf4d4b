"""Arguments that several commands have: whose personalities they are about (--owner), and names of personalities."""

from argparse import ArgumentParser
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from personalities.names import InvalidName, canonical


def add_owner_option(parser: ArgumentParser) -> None:
    """Add --owner: without it, the command is about the global personalities."""
    parser.add_argument("--owner", metavar="USERNAME", help="those of this user, instead of the global ones")


def user_named(username: str | None) -> User | None:
    """The user whom --owner names, or None for the global personalities. Raises CommandError for an unknown one."""
    if username is None:
        return None
    try:
        return User.objects.get_by_natural_key(username)
    except User.DoesNotExist:
        raise CommandError(f"--owner: there is no user {username!r:.120}") from None


def canonical_names(names: Sequence[str]) -> list[str]:
    """The canonical spelling of each name. Raises CommandError for what cannot be a name."""
    try:
        return [canonical(name) for name in names]
    except InvalidName as error:
        raise CommandError(f"name: {error}") from None
