"""What a run has found out: on the terminal, as JSON, and as docs/benchmarks.md; and the machine it ran on."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg
import rich.table
from redis import Redis
from rich.console import Console

from benchmarks import plots
from benchmarks.results import Bar, Section, Table
from tooling.environment import ROOT

PACKAGES = ("django", "djangorestframework", "django-redis", "redis", "hiredis", "psycopg", "uvicorn", "uvloop",
            "granian", "fastapi", "django-cacheops", "django-cachalot", "django-waffle")  # fmt: skip


def describe() -> dict[str, str]:
    """Return what the run was measured on: machine, system, servers and packages."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "servers": f"PostgreSQL {_postgresql()}, {_redis()}, on the same machine",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    """Linux does not tell it to platform."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _postgresql() -> str:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.info.parameter_status("server_version") or ""


def _redis() -> str:
    client: Any = Redis.from_url(os.environ["REDIS_URL"])
    with client:
        info = client.info("server")
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"


PAGE = ROOT / "docs" / "benchmarks.md"
WIDTH = 140  # of what is not a terminal
HEAD = ("goal", "bar", "measured", "met")

INTRODUCTION = """\
# Benchmarks

`python3 dev.py bench` writes this page, on a PostgreSQL and a Redis of its own. Each contender is a process of its own,
and all take turns, so that whatever else the machine does affects all alike. Ratios are taken within each round; a
figure is the median of the rounds, with the quartiles in parentheses. Absolute times belong to the machine; ratios
travel better.
"""

Sections = Mapping[str, Section]


def bars(sections: Sections) -> Table:
    """Return the bars of all sections as one table."""
    rows = [(bar.goal, bar.bar, bar.measured, "yes" if bar.met else "NO") for bar in _bars(sections)]
    return Table("Bars", HEAD, rows)


def show(title: str, tables: Iterable[Table]) -> None:
    """Print tables on the terminal."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    console.rule(title)
    for table in tables:
        shown = rich.table.Table(*table.head, title=table.title or None)
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)


def write_json(file: Path, machine: Mapping[str, str], sections: Sections) -> None:
    """Write every figure of every round."""
    content = {
        "machine": machine,
        "bars": [bar._asdict() for bar in _bars(sections)],
        "sections": {name: section.figures for name, section in sections.items()},
    }
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_page(machine: Mapping[str, str], sections: Sections) -> None:
    """Write docs/benchmarks.md, and its plots of the same figures."""
    facts = "\n".join(f"- {what}: {text}" for what, text in machine.items())
    parts = [INTRODUCTION, facts, "## Bars", markdown(bars(sections))]
    for name, section in sections.items():
        parts += [f"## {section.title}", section.text, *_plot(name, section), *map(markdown, section.tables)]
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n")


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    title = f"**{table.title}**\n\n" if table.title and table.head != HEAD else ""
    return title + "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _plot(name: str, section: Section) -> Sequence[str]:
    if name not in plots.DRAWINGS:
        return []
    plots.draw(name, section.figures, PAGE.with_suffix("") / f"{name}.svg")
    return [f"![{section.title}](benchmarks/{name}.svg)"]


def _bars(sections: Sections) -> list[Bar]:
    return [bar for section in sections.values() for bar in section.bars]
