"""Whose personalities a command is about: everybody's, or with --owner those of one user."""

from argparse import ArgumentParser

from django.contrib.auth.models import User
from django.core.management.base import CommandError


def add_owner_option(parser: ArgumentParser) -> None:
    parser.add_argument("--owner", metavar="USERNAME", help="those of this user, instead of the global ones")


def owner(username: str | None) -> User | None:
    """The user, or None for everybody."""
    if username is None:
        return None
    try:
        return User.objects.get_by_natural_key(username)
    except User.DoesNotExist:
        raise CommandError(f"--owner: there is no user {username!r:.120}") from None
