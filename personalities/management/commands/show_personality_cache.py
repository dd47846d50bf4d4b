from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from personalities.cache import inventory
from personalities.management.report import add_json_option, loud_about_redis, names, print_json, print_table


class Command(BaseCommand):
    help = "Show the cached copies in Redis: keys, seconds left, size in bytes; and the hit rate of the Redis server."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="personality names, in any spelling")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with loud_about_redis():
            wanted: list[str | None] = [*names(options["name"])]
            entries = [entry for name in wanted or [None] for entry in inventory.entries(name)]
            rate = inventory.hit_rate()
        if options["json"]:
            print_json(self.stdout, {"hit_rate": rate, "keys": [asdict(entry) for entry in entries]})
            return
        rows = [(e.key, "never" if e.ttl is None else f"{e.ttl} s", f"{e.size} B") for e in entries]
        print_table(self.stdout, f"{len(rows)} keys", ("key", "expires in", "size"), rows)
        self.stdout.write("Hit rate of this Redis server: " + ("no reads yet" if rate is None else f"{rate:.1%}"))
