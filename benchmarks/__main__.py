"""`python -m benchmarks`, with DATABASE_URL and REDIS_URL of servers that nobody else uses: see `dev.py bench`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks import chat, costs, growth, http, lookups, report
from benchmarks.databases import Servers
from benchmarks.results import Section
from benchmarks.rounds import FULL, QUICK, Effort

SECTIONS: dict[str, Callable[[Servers, Effort], Section]] = {
    "lookups": lookups.measure,
    "http": http.measure,
    "chat": chat.measure,
    "queries": costs.queries,
    "growth": growth.measure,
    "writes": costs.writes,
    "startup": costs.start,
}


def main() -> None:
    """Measure the sections that are asked for, and show, and perhaps write, what was found."""
    options = _parse()
    wanted = options.section or list(SECTIONS)
    effort, servers = QUICK if options.quick else FULL, Servers()
    found: dict[str, Section] = {}
    for name in wanted:
        start = perf_counter()
        found[name] = SECTIONS[name](servers, effort)
        report.show(f"{found[name].title}, {perf_counter() - start:.0f} s", found[name].tables)
    report.show("", [report.bars(found)])
    facts = report.describe()
    if options.json:
        report.write_json(options.json, facts, found)
    if not options.quick and set(wanted) == set(SECTIONS):
        report.write_page(facts, found)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench", epilog="All sections together write docs/benchmarks.md.")
    parser.add_argument("section", nargs="*", help=f"which to measure: {', '.join(SECTIONS)} (all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: shows that it works, no more")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to put every figure of every round")
    options = parser.parse_args()
    if unknown := set(options.section) - SECTIONS.keys():
        parser.error(f"not known: {', '.join(sorted(unknown))}; known: {', '.join(SECTIONS)}")
    return options


if __name__ == "__main__":
    main()
