"""The pages of documentation, and the code in them.

Shell and Python blocks are run by test_documentation.py in the order of the pages, in one shell. A block that cannot be
run there has a line `<!-- not run: REASON -->` directly before it.
"""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tooling.environment import ROOT

# In this order: later pages use what earlier ones have made.
FIRST = ("README.md", *(f"docs/guide/{name}.md" for name in (
    "personalities", "lookups", "rest", "preferences", "conversations", "chat", "version-control")),
    "docs/operations.md", "docs/coherence.md")  # fmt: skip
BLOCK = re.compile(r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```", re.M | re.S)


class Block(NamedTuple):
    """`reason` says why the block is not run; empty where it is."""

    page: str
    language: str
    code: str
    reason: str


@cache
def names() -> tuple[str, ...]:
    """Every Markdown file of the repository, as a path from its root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    present = [name for name in listed if (ROOT / name).exists()]
    return (*FIRST, *sorted(set(present) - set(FIRST)))


def text(page: str) -> str:
    return (ROOT / page).read_text()


def blocks(*languages: str) -> Iterator[Block]:
    """Fenced blocks in one of `languages`, in the order of the pages."""
    for page in names():
        for found in BLOCK.finditer(text(page)):
            if found["language"] in languages:
                yield Block(page, found["language"], found["code"], found["reason"] or "")


def commands() -> list[tuple[str, str]]:
    """Page and command, of each shell block that is run. A line that ends in a backslash goes on."""
    return [
        (block.page, line)
        for block in blocks("sh")
        if not block.reason
        for line in block.code.replace("\\\n", " ").splitlines()
        if line and not line.startswith("#")
    ]
