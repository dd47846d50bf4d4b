from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand

from personalities import copies
from personalities.cache import inventory
from personalities.management.report import add_json_option, names, print_json


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
        deleted, problem = _delete(wanted)
        if options["json"]:
            print_json(self.stdout, {"deleted": deleted, "redis": problem or "ok"})
        elif problem:
            self.stderr.write(f"No copy from before is believed any more, but none was deleted: {problem}")
        elif options["verbosity"]:
            self.stdout.write(f"{deleted} keys deleted.")


def _delete(wanted: Sequence[str]) -> tuple[int, str | None]:
    """How many keys went, or why none."""
    try:
        return inventory.forget_all(wanted or [None]), None
    except inventory.RedisUnavailable as error:
        return 0, str(error)
