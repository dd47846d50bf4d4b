from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import keys
from accounts.models import ApiKey


class Command(BaseCommand):
    help = "Refuse an API key from now on. PREFIX is the part after cpk_; the whole key is understood too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prefix", help="eight characters, or the whole key")

    def handle(self, *args: Any, **options: Any) -> str:
        prefix = keys.prefix(options["prefix"]) or options["prefix"].removeprefix("cpk_").partition("_")[0]
        try:
            key = ApiKey.objects.get(prefix=prefix)
        except ApiKey.DoesNotExist:
            raise CommandError(f"prefix: there is no key cpk_{prefix[:8]}_…") from None
        key.revoke()
        return f"Revoked {key} of {key.user}."
