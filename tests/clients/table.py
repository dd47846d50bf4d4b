"""The table of clients in docs/guide/chat.md."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.clients.clients import Client, Outcome
from tooling.environment import ROOT

PAGE: Path = ROOT / "docs" / "guide" / "chat.md"
HEAD = ("| Client | Version | What works |", "| --- | --- | --- |")
BEFORE, AFTER = "<!-- clients: written by `dev.py test --clients` -->\n", "<!-- end of clients -->"


def lines(outcomes: Mapping[Client, list[Outcome]]) -> str:
    """Return the table: each client with its version and what its program did."""
    rows = (f"| {client.title} | {client.version} | {_tried(found)} |" for client, found in outcomes.items())
    return "\n".join([*HEAD, *rows, ""])


def _tried(outcomes: list[Outcome]) -> str:
    worked = [outcome.name for outcome in outcomes if not outcome.failure]
    failed = [outcome.name for outcome in outcomes if outcome.failure]
    return ", ".join(worked) + (f"; **fails**: {', '.join(failed)}" if failed else "")


def written() -> str:
    """Return the table that the page has."""
    return _between(PAGE.read_text())[1]


def write(table: str) -> None:
    """Put the table into the page."""
    before, _, after = _between(PAGE.read_text())
    PAGE.write_text(f"{before}{table}{after}")


def _between(page: str) -> tuple[str, str, str]:
    found = re.search(rf"(.*{re.escape(BEFORE)})(.*)({re.escape(AFTER)}.*)", page, re.DOTALL)
    assert found, f"{PAGE.name} has no place for the table"
    return found[1], found[2], found[3]
