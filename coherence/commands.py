"""Management commands for one kind of copy: audit, clear, show and warm; and how commands print.

A kind's module subclasses `CacheCommand` with its cache, its copies in Redis and its arguments, and the four commands
then take two lines each.
"""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import track
from rich.table import Table

from coherence.audit import MEANING, Finding, Verdict, audit
from coherence.cache import CoherentCache
from coherence.feed import invalidate_everything
from coherence.redis_copies import RedisCopies, RedisUnavailable, hit_rate
from coherence.warming import BATCH, warm

K = TypeVar("K")
V = TypeVar("V")

BAD = {Verdict.WRONG, Verdict.FOREIGN}


class Stream(Protocol):
    """What a command writes to: `self.stdout` or `self.stderr`."""

    def write(self, text: str) -> object:
        """Write a line."""


class Selection(NamedTuple, Generic[K, V]):
    """Copies of one kind that a command is about: those of the keys in `batches`."""

    cache: CoherentCache[K, V]
    copies: RedisCopies[K, V]
    batches: Iterable[Collection[K]]


class CacheCommand(BaseCommand, Generic[K, V]):
    """A command about the copies of one kind. `wanted` below are the positional arguments, empty for all copies."""

    cache: CoherentCache[K, V]
    copies: RedisCopies[K, V]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The positional arguments of the kind, and --json."""
        self.add_selection(parser)
        add_json_option(parser)

    def add_selection(self, parser: ArgumentParser) -> None:
        """Add the positional arguments, as `wanted`."""
        raise NotImplementedError

    def keys(self, wanted: Sequence[str]) -> Collection[K]:
        """The keys that `wanted` names, which is not empty. Raises CommandError for an unknown one."""
        raise NotImplementedError

    def batches(self, wanted: Sequence[str]) -> Iterable[Collection[K]]:
        """The keys in Redis that `wanted` names."""
        return [self.keys(wanted)] if wanted else self.copies.scan()

    def selections(self, wanted: Sequence[str]) -> list[Selection[Any, Any]]:
        """What `wanted` selects, in the order in which it is printed. Override to add copies of another kind."""
        return [Selection(self.cache, self.copies, self.batches(wanted))]

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command. What `run` does not catch of RedisUnavailable makes it fail."""
        with redis_errors_as_command_errors():
            self.run(options["wanted"], as_json=options["json"], quiet=not options["verbosity"])

    def run(self, wanted: Sequence[str], *, as_json: bool, quiet: bool) -> None:
        """Do what the command is for."""
        raise NotImplementedError


class AuditCommand(CacheCommand[K, V]):
    """Compare copies with their rows; fail when one is wrong or damaged."""

    def run(self, wanted: Sequence[str], *, as_json: bool, quiet: bool) -> None:
        """Print a verdict on each copy. Raises CommandError when one is wrong or damaged."""
        findings = [finding for selection in self.selections(wanted) for finding in audit(*selection)]
        _print_audit_as_json(self.stdout, findings) if as_json else _print_audit(self.stdout, findings)
        if bad := [finding.key for finding in findings if finding.verdict in BAD]:
            raise CommandError(f"{len(bad)} wrong or damaged: {', '.join(bad[:10])}{' …' if len(bad) > 10 else ''}")


class ClearCommand(CacheCommand[K, V]):
    """Make every process read rows anew and delete their copies from Redis. Succeeds even if Redis is away.

    Without names it invalidates everything, copies of other kinds too; from Redis it deletes those of its own kind.
    """

    def run(self, wanted: Sequence[str], *, as_json: bool, quiet: bool) -> None:
        """Invalidate, then delete, and print how many Redis keys were deleted."""
        self.cache.invalidate(self.keys(wanted)) if wanted else invalidate_everything()
        try:
            deleted = sum(copies.delete_or_raise(batches) for _, copies, batches in self.selections(wanted))
            problem = ""
        except RedisUnavailable as error:
            deleted, problem = 0, str(error)
        if as_json:
            print_json(self.stdout, {"deleted": deleted, "redis": problem or "ok"})
        elif problem:
            self.stderr.write(f"No copy from before is served any more, but none was deleted: {problem}")
        elif not quiet:
            self.stdout.write(f"{deleted} keys deleted.")


class ShowCommand(CacheCommand[K, V]):
    """List the copies in Redis."""

    def run(self, wanted: Sequence[str], *, as_json: bool, quiet: bool) -> None:
        """Print keys, seconds left and sizes, and the hit rate of the Redis server."""
        entries = [entry for _, copies, batches in self.selections(wanted) for entry in copies.entries(batches)]
        rate = hit_rate(self.copies.alias)
        if as_json:
            print_json(self.stdout, {"hit_rate": rate, "keys": [entry._asdict() for entry in entries]})
            return
        rows = [(e.key, "never" if e.ttl is None else f"{e.ttl} s", f"{e.size} B") for e in entries]
        print_table(self.stdout, f"{len(rows)} keys", ("key", "expires in", "size"), rows)
        self.stdout.write("Hit rate of this Redis server: " + ("no reads yet" if rate is None else f"{rate:.1%}"))


class WarmCommand(CacheCommand[K, V]):
    """Copy rows into Redis before anybody reads them."""

    noun = "rows"

    def all_keys(self) -> Collection[K]:
        """The keys of every row that may be copied."""
        raise NotImplementedError

    def run(self, wanted: Sequence[str], *, as_json: bool, quiet: bool) -> None:
        """Copy the rows, showing progress on a terminal, and print how many were copied."""
        keys = list(self.keys(wanted) if wanted else self.all_keys())
        screen, total = console(self.stderr), ceil(len(keys) / BATCH)
        hidden = as_json or quiet or not screen.is_terminal
        batches = warm(self.cache, self.copies, keys)
        count = sum(track(batches, "Warming", total, console=screen, disable=hidden))
        if as_json:
            print_json(self.stdout, {"warmed": count})
        elif not quiet:
            self.stdout.write(f"{count} {self.noun} warmed.")


# ── Printing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_json_option(parser: ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")


def print_json(stdout: Stream, value: Mapping[str, object]) -> None:
    """Print `value` as an indented JSON object."""
    stdout.write(json.dumps(value, indent=2))


def print_table(stdout: Any, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print `rows` under `columns`."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*[str(cell) for cell in row])
    console(stdout).print(table)


def console(stdout: Any) -> Console:
    """A console that writes to `stdout`. Outside a terminal a table is as wide as its content: nothing is cut off."""
    return Console(file=stdout, width=None if sys.stdout.isatty() else 200, soft_wrap=True)


@contextmanager
def redis_errors_as_command_errors() -> Iterator[None]:
    """Turn RedisUnavailable into the failure of a command."""
    try:
        yield
    except RedisUnavailable as error:
        raise CommandError(str(error)) from None


def _print_audit(stdout: Any, findings: Sequence[Finding]) -> None:
    rows = [(f.key, f.verdict, MEANING[f.verdict]) for f in findings if f.verdict is not Verdict.SOUND]
    if rows:
        print_table(stdout, "Not sound", ("copy", "verdict", "meaning"), rows)
    counts = Counter(finding.verdict for finding in findings)
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
    stdout.write(f"{len(findings)} copies compared with their rows: {summary}.")


def _print_audit_as_json(stdout: Stream, findings: Sequence[Finding]) -> None:
    counts = Counter(str(finding.verdict) for finding in findings)
    unsound = [finding._asdict() for finding in findings if finding.verdict is not Verdict.SOUND]
    print_json(stdout, {"compared": len(findings), **{str(v): counts[v] for v in Verdict}, "copies": unsound})
