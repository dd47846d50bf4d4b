"""Whose preferences a command is about."""

from argparse import ArgumentParser
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core.management.base import CommandError


def add_users(parser: ArgumentParser) -> None:
    parser.add_argument("username", nargs="*", help="whose preferences; without any, everybody's")


def ids_of(usernames: Sequence[str]) -> list[int] | None:
    """None: everybody."""
    if not usernames:
        return None
    found = dict(User.objects.filter(username__in=usernames).values_list("username", "pk"))
    if unknown := [name for name in usernames if name not in found]:
        raise CommandError(f"username: there is no user {', '.join(f'{name!r:.120}' for name in unknown)}")
    return sorted(found.values())
