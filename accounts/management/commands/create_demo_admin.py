"""create_demo_admin: the administrator that `dev.py run` shows."""

import json
import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import TypedDict

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand

from accounts.models import ApiKey

USERNAME = "admin"


class Credentials(TypedDict, total=False):
    """What the file holds. `password` is None when somebody changed it; `password_hash` tells whether they did."""

    username: str
    password: str | None
    password_hash: str
    api_key: str


class Command(BaseCommand):
    """Idempotent: run at every start of a development server."""

    help = (
        "Create the administrator `admin` with a random password and an API key, and write both to FILE (mode 0600). "
        "An existing `admin` is left alone. For development."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take FILE."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: object, file: Path, **options: object) -> None:
        """Create what is missing and rewrite the file."""
        known: Credentials = json.loads(file.read_text()) if file.exists() else {}
        user, credentials = _admin(known)
        if not ApiKey.objects.verify(credentials.get("api_key", "")):
            credentials["api_key"] = ApiKey.objects.issue(user, "dev.py run")[1]
        _write_private(file, json.dumps(credentials))


def _admin(known: Credentials) -> tuple[User, Credentials]:
    """The user, and `known` with a password that is right, or None when somebody else chose it."""
    user, created = User.objects.get_or_create(username=USERNAME, defaults={"is_staff": True, "is_superuser": True})
    if created:
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
        return user, {"username": USERNAME, "password": password, "password_hash": user.password}
    if known.get("password_hash") != user.password:  # comparing hashes: checking the password would take half a second
        return user, known | {"username": USERNAME, "password": None}
    return user, known


def _write_private(file: Path, text: str) -> None:
    """Replace `file` in one step, readable by its owner only."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
    draft.replace(file)
