"""The personalities that every installation starts with, kept as data in `data/globals.toml`."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from personalities.archetypes import complete

FILE = Path(__file__).parent / "data" / "globals.toml"


def read() -> Iterator[dict[str, Any]]:
    """The columns of each, complete."""
    for name, given in tomllib.loads(FILE.read_text(encoding="utf-8")).items():
        yield complete({"personality_name": name, **given})
