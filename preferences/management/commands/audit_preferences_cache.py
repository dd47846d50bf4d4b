from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from personalities.management.audit_report import report
from personalities.management.report import add_json_option, loud_about_redis
from preferences import audit
from preferences.management.users import add_users, ids_of


class Command(BaseCommand):
    help = (
        "Compare the copies of preferences in Redis with their rows, of all users or of those named. Fails when one is "
        "wrong or damaged; an outdated one is harmless."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_users(parser)
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        users = ids_of(options["username"])
        with loud_about_redis():
            findings = list(audit.run(users))
        report(self.stdout, findings, audit.MEANING, as_json=options["json"])
