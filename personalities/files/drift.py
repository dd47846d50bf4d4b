"""How documents and rows differ, how that is shown, and how the rows are made to say what the documents say."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User

from personalities import comparison, edits
from personalities.archetypes import FieldValues
from personalities.comparison import FieldChange
from personalities.files.directory import printable
from personalities.models import Personality

NOTE = "Imported from a file."
MAX_SHOWN = 10_000  # characters shown: more than any text of a personality has, escapes included

Documents = Mapping[str, FieldValues]
Rows = Mapping[str, Personality]


@dataclass(frozen=True)
class Drift:
    """The names that an import would create, change and leave alone, and the changes. It is true if it would write any.

    What is only in the database is never deleted, so it does not count.
    """

    created: list[str]
    changed: dict[str, list[FieldChange]]
    unchanged: list[str]
    only_in_database: list[str]

    def __bool__(self) -> bool:
        return bool(self.created or self.changed)


def compare(documents: Documents, rows: Rows) -> Drift:
    """What an import of `documents` would do to `rows`."""
    both = sorted(documents.keys() & rows.keys())
    changes = {name: _changes(rows[name], documents[name]) for name in both}
    return Drift(
        created=sorted(documents.keys() - rows.keys()),
        changed={name: found for name, found in changes.items() if found},
        unchanged=[name for name, found in changes.items() if not found],
        only_in_database=sorted(rows.keys() - documents.keys()),
    )


def write(drift: Drift, documents: Documents, rows: Rows, owner: User | None) -> None:
    """Write what `drift` found, in the transaction that has locked `rows`. Unchanged rows are not written.

    Raises what `personalities.edits.apply_edit` raises.
    """
    for name in drift.created:
        edits.apply_edit(Personality(owner=owner, **documents[name]), None, note=NOTE)
    for name in drift.changed:
        row, before = rows[name], rows[name].to_config()
        for field, value in documents[name].items():
            setattr(row, field, value)
        edits.apply_edit(row, before, note=NOTE)


def _changes(row: Personality, values: FieldValues) -> list[FieldChange]:
    """Compared as configurations, in which a display name that was left out is made from the name."""
    return comparison.changes(row.to_config(), Personality(**values).to_config())


def as_json(drift: Drift) -> dict[str, object]:
    """The drift as JSON, for scripts."""
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
    """The drift for people: four lists of names, and each changed field before and after, as in a diff."""
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


def _change(name: str, change: FieldChange) -> Iterator[str]:
    yield f"  {name}: {change.field}"
    yield f"    - {_value(change.before)}"
    yield f"    + {_value(change.after)}"


def _value(value: object) -> str:
    return printable(json.dumps(value, ensure_ascii=False), MAX_SHOWN)
