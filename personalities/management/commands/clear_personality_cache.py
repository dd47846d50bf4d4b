from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from personalities.cache import inventory
from personalities.management.report import add_json_option, loud_about_redis, names, print_json


class Command(BaseCommand):
    help = "Delete cached copies from Redis: of all personalities, or of those named. No other key is touched."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="personality names, in any spelling")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with loud_about_redis():
            count = inventory.forget_all(names(options["name"]) or [None])
        if options["json"]:
            print_json(self.stdout, {"deleted": count})
        elif options["verbosity"]:
            self.stdout.write(f"{count} keys deleted.")
