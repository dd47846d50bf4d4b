from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import track

from personalities.cache.keys import Key
from personalities.management.report import add_json_option, console, loud_about_redis, names, print_json
from personalities.models import Personality
from personalities.warming import BATCH, warm


class Command(BaseCommand):
    help = "Copy active personalities into Redis, all or those named, so that the first reader finds them there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="personality names, in any spelling")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = names(options["name"])
        rows = Personality.objects.filter(is_active=True)
        rows = rows.filter(personality_name__in=wanted) if wanted else rows
        keys = list(rows.values_list("owner_id", "personality_name"))
        if unknown := {*wanted} - {name for _, name in keys}:
            raise CommandError(f"name: no active personality is named {', '.join(sorted(unknown))}")
        with loud_about_redis():
            count = sum(self._batches(keys, quiet=options["json"] or not options["verbosity"]))
        if options["json"]:
            print_json(self.stdout, {"warmed": count})
        elif options["verbosity"]:
            self.stdout.write(f"{count} personalities warmed.")

    def _batches(self, keys: Sequence[Key], *, quiet: bool) -> Iterator[int]:
        screen, total = console(self.stderr), ceil(len(keys) / BATCH)
        disable = quiet or not screen.is_terminal
        return iter(track(warm(keys), "Warming", total, console=screen, disable=disable))
