import json
import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from accounts.models import ApiKey

USERNAME = "admin"


class Command(BaseCommand):
    help = (
        "Make the administrator `admin` with a random password and an API key, and keep both in FILE (mode 0600). "
        "An `admin` that exists already is left alone. For development."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        kept = json.loads(file.read_text()) if file.exists() else {}
        user, kept = _admin(kept)
        if not ApiKey.objects.verify(kept.get("api_key", "")):
            kept["api_key"] = ApiKey.objects.issue(user, "dev.py run")[1]
        _write_private(file, json.dumps(kept))


def _admin(kept: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The user, and `kept` with a password that is right, or None when somebody else chose it."""
    users = get_user_model()
    user, created = users._default_manager.get_or_create(
        username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
    )
    if created:
        kept = {"username": USERNAME, "password": secrets.token_urlsafe(12)}
        user.set_password(kept["password"])
        user.save()
        kept["password_hash"] = user.password
    elif kept.get("password_hash") != user.password:  # comparing hashes: checking the password would take half a second
        kept = kept | {"username": USERNAME, "password": None}
    return user, kept


def _write_private(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
    draft.replace(file)
