"""Whose personalities a command is about: the global ones, or with --owner those of one user."""

from argparse import ArgumentParser

from django.contrib.auth.models import User
from django.core.management.base import CommandError


def add_owner_option(parser: ArgumentParser) -> None:
    """Add --owner."""
    parser.add_argument("--owner", metavar="USERNAME", help="those of this user, instead of the global ones")


def user_named(username: str | None) -> User | None:
    """The user whom --owner names, or None for the global personalities. Raises CommandError for an unknown one."""
    if username is None:
        return None
    try:
        return User.objects.get_by_natural_key(username)
    except User.DoesNotExist:
        raise CommandError(f"--owner: there is no user {username!r:.120}") from None
