from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from personalities import copies
from personalities.cache import inventory
from personalities.management.clearing import delete
from personalities.management.report import add_json_option, names


class Command(BaseCommand):
    help = (
        "Make every process read personalities anew, all or those named, and delete their copies from Redis. No other "
        "key is touched. With Redis away its copies stay, and are not believed when it is back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="personality names, in any spelling")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = names(options["name"])
        copies.forget(copies.keys_of(wanted)) if wanted else copies.forget_everything()
        delete(self, options, lambda: inventory.forget_all(wanted or [None]))
