"""The commands under test, and files as somebody's editor leaves them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def export(directory: Path, *options: str) -> str:
    return run("export_personalities", directory, *options)


def imported(directory: Path, *options: str) -> Any:
    """The report of an import of `directory`, as JSON."""
    return json.loads(run("import_personalities", directory, "--json", *options))


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def put(directory: Path, name: str, **fields: Any) -> Path:
    file = directory / f"{name}.json"
    file.write_text(json.dumps({"personality_name": name, **fields}), encoding="utf-8")
    return file


def edit(directory: Path, name: str, **fields: Any) -> None:
    file = directory / f"{name}.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | fields), encoding="utf-8")
