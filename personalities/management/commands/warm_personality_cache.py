from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import track

from personalities.cache import inventory
from personalities.management.report import add_json_option, console, loud_about_redis, names, print_json
from personalities.models import Personality

BATCH = 100  # some 300 KB: well within Redis' 0.1 s, also on a busy machine


class Command(BaseCommand):
    help = "Copy active personalities into Redis, all or those named, so that the first reader finds them there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="personality names, in any spelling")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = names(options["name"])
        rows = Personality.objects.filter(is_active=True)
        rows = rows.filter(personality_name__in=wanted) if wanted else rows
        if unknown := {*wanted} - {*rows.values_list("personality_name", flat=True)}:
            raise CommandError(f"name: no active personality is named {', '.join(sorted(unknown))}")
        with loud_about_redis():
            count = sum(self._batches(rows, quiet=options["json"] or not options["verbosity"]))
        if options["json"]:
            print_json(self.stdout, {"warmed": count})
        elif options["verbosity"]:
            self.stdout.write(f"{count} personalities warmed.")

    def _batches(self, rows: Any, *, quiet: bool) -> Any:
        found = rows.iterator(chunk_size=BATCH)
        total = -(-rows.count() // BATCH)
        screen = console(self.stderr)
        for _ in track(range(total), "Warming", console=screen, disable=quiet or not screen.is_terminal):
            yield inventory.store([row.to_config() for row in islice(found, BATCH)])
