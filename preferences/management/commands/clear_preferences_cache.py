from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from personalities.management.clearing import delete
from personalities.management.report import add_json_option
from preferences import copies
from preferences.cache import inventory
from preferences.management.users import add_users, ids_of


class Command(BaseCommand):
    help = (
        "Make every process read preferences anew, of all users or of those named, and delete their copies from Redis. "
        "No other key is touched. With Redis away its copies stay, and are not believed when it is back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_users(parser)
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        users = ids_of(options["username"])
        copies.forget(users)
        delete(self, options, lambda: inventory.forget_all(users))
