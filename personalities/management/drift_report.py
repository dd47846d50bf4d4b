"""How `import_personalities` shows what differed."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from personalities.comparison import Change
from personalities.files.drift import Drift
from personalities.files.problems import printable

WHOLE = 10_000  # longer than any text of a personality, escapes included


def as_json(drift: Drift) -> dict[str, Any]:
    changed = {
        name: [{"field": change.field, "from": change.before, "to": change.after} for change in changes]
        for name, changes in drift.changed.items()
    }
    return {
        "created": drift.created,
        "changed": changed,
        "unchanged": drift.unchanged,
        "only_in_database": drift.only_in_database,
    }


def as_text(drift: Drift) -> str:
    """Four lists of names, and under the changed ones what they were and are to be, a line each as in a diff."""
    return "\n".join(_lines(drift))


def _lines(drift: Drift) -> Iterator[str]:
    yield _names("Created", drift.created)
    yield _names("Changed", drift.changed)
    for name, changes in drift.changed.items():
        for change in changes:
            yield from _change(name, change)
    yield _names("Unchanged", drift.unchanged)
    yield _names("Only in the database", drift.only_in_database)


def _names(title: str, names: Collection[str]) -> str:
    return f"{title}: {', '.join(names) or 'none'}"


def _change(name: str, change: Change) -> Iterator[str]:
    yield f"  {name}: {change.field}"
    yield f"    - {_value(change.before)}"
    yield f"    + {_value(change.after)}"


def _value(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False), WHOLE)
