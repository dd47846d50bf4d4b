"""Creates the global personalities that are missing."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from django.db import transaction

from coherence.commands import add_json_option, print_json, print_table
from personalities.archetypes import FieldValues, global_personalities
from personalities.models import Personality


class Command(BaseCommand):
    """Creates what is missing, in one transaction."""

    help = "Create the global personalities that are missing. One that exists is left as it is, edited or not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take --json."""
        add_json_option(parser)

    @transaction.atomic
    def handle(self, *args: object, json: bool, verbosity: int, **options: object) -> None:
        """Print which ones were created."""
        created = {values["personality_name"]: _create(values) for values in global_personalities()}
        if json:
            print_json(self.stdout, {"created": [name for name, new in created.items() if new], "total": len(created)})
        elif verbosity:
            rows = [(name, "created" if new else "kept as it is") for name, new in created.items()]
            print_table(self.stdout, "Global personalities", ("name", ""), rows)


def _create(values: FieldValues) -> bool:
    name = values["personality_name"]
    return Personality.objects.get_or_create(personality_name=name, owner=None, defaults=values)[1]
