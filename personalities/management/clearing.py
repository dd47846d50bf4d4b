"""How a command deletes copies that nobody believes any more, and says what came of it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand

from coherence.redis_keys import RedisUnavailable
from personalities.management.report import print_json


def delete(command: BaseCommand, options: Mapping[str, Any], forget: Callable[[], int]) -> None:
    """`forget` returns how many keys went. That Redis is away is no failure."""
    deleted, problem = _deleted(forget)
    if options["json"]:
        print_json(command.stdout, {"deleted": deleted, "redis": problem or "ok"})
    elif problem:
        command.stderr.write(f"No copy from before is believed any more, but none was deleted: {problem}")
    elif options["verbosity"]:
        command.stdout.write(f"{deleted} keys deleted.")


def _deleted(forget: Callable[[], int]) -> tuple[int, str | None]:
    """How many keys went, or why none."""
    try:
        return forget(), None
    except RedisUnavailable as error:
        return 0, str(error)
