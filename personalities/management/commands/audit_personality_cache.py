from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from personalities import audit
from personalities.management.audit_report import report
from personalities.management.report import add_json_option, loud_about_redis, names


class Command(BaseCommand):
    help = (
        "Compare the copies in Redis with their rows, of all personalities or of those named. Fails when one is wrong "
        "or damaged; an outdated one is harmless."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="personality names, in any spelling")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted: list[str | None] = [*names(options["name"])]
        with loud_about_redis():
            findings = [finding for name in wanted or [None] for finding in audit.run(name)]
        report(self.stdout, findings, audit.MEANING, as_json=options["json"])
