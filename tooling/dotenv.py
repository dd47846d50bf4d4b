"""`.env`: what this clone exports when the shell does not."""

import os
from pathlib import Path

from tooling.errors import Refusal


def load(file: Path) -> None:
    """Export the variables of `file`, or of COMPANION_ENV_FILE instead; one that the shell exports stays as it is."""
    for name, value in read(Path(os.environ.get("COMPANION_ENV_FILE") or file)).items():
        os.environ.setdefault(name, value)


def read(file: Path) -> dict[str, str]:
    lines = [line.strip() for line in file.read_text().splitlines()] if file.exists() else []
    numbered = enumerate(lines, start=1)
    return dict(_assignment(number, line) for number, line in numbered if line and not line.startswith("#"))


def _assignment(number: int, line: str) -> tuple[str, str]:
    name, equals, value = line.removeprefix("export ").partition("=")
    name = name.strip()
    if not (equals and name.isidentifier()):
        raise Refusal(f".env: line {number} is not NAME=value")  # not what stands there: it may be a secret
    return name, _unquoted(value.strip())


def _unquoted(value: str) -> str:
    """Without the quotes around it, if there is the same one at both ends."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
