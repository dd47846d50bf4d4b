"""How commands show things: a table for people, JSON for scripts, and loud words when Redis is away."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from coherence.redis_keys import RedisUnavailable
from personalities.names import InvalidName, canonical


def add_json_option(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")


def print_json(stdout: Any, value: dict[str, Any]) -> None:
    stdout.write(json.dumps(value, indent=2))


def print_table(stdout: Any, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*[str(cell) for cell in row])
    console(stdout).print(table)


def console(stdout: Any) -> Console:
    """Writes where the command writes. Not on a terminal, a table is as wide as its content: nothing is cut off."""
    return Console(file=stdout, width=None if sys.stdout.isatty() else 200, soft_wrap=True)


def names(given: Sequence[str]) -> list[str]:
    """The names as keys spell them."""
    try:
        return [canonical(name) for name in given]
    except InvalidName as error:
        raise CommandError(f"name: {error}") from None


@contextmanager
def loud_about_redis() -> Iterator[None]:
    try:
        yield
    except RedisUnavailable as error:
        raise CommandError(str(error)) from None
