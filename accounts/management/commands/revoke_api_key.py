"""revoke_api_key: refuse an API key from now on."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from accounts import keys
from accounts.models import ApiKey


class Command(BaseCommand):
    """The key's row stays, so that its prefix still tells whose it was."""

    help = "Refuse an API key from now on. PREFIX is the part after cpk_; the whole key is accepted too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take PREFIX."""
        parser.add_argument("prefix", help="eight characters, or the whole key")

    def handle(self, *args: object, prefix: str, **options: object) -> str:
        """Revoke the key and say so, without its secret. Raises CommandError if there is no such key."""
        found = keys.prefix(prefix) or prefix.removeprefix("cpk_").partition("_")[0]
        try:
            key = ApiKey.objects.get(prefix=found)
        except ApiKey.DoesNotExist:
            raise CommandError(f"prefix: there is no key cpk_{found[:8]}_…") from None
        key.revoke()
        return f"Revoked {key} of {key.user}."
