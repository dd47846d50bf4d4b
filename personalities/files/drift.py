"""How documents and rows differ, and how the rows are made to say what the documents say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from personalities import comparison
from personalities.comparison import Change
from personalities.models import Personality, authored

Documents = Mapping[str, dict[str, Any]]
Rows = Mapping[str, Personality]


@dataclass(frozen=True)
class Drift:
    """By name. What is only in the database is never deleted, so it is nothing that an import would change."""

    created: list[str]
    changed: dict[str, list[Change]]
    unchanged: list[str]
    only_in_database: list[str]

    def __bool__(self) -> bool:
        return bool(self.created or self.changed)


def compare(documents: Documents, rows: Rows) -> Drift:
    """What an import of `documents` does to `rows`."""
    both = sorted(documents.keys() & rows.keys())
    changes = {name: _changes(rows[name], documents[name]) for name in both}
    return Drift(
        created=sorted(documents.keys() - rows.keys()),
        changed={name: found for name, found in changes.items() if found},
        unchanged=[name for name, found in changes.items() if not found],
        only_in_database=sorted(rows.keys() - documents.keys()),
    )


def write(drift: Drift, documents: Documents, rows: Rows, owner: User | None) -> None:
    """To be called in the transaction that holds `rows`. An unchanged row is not written."""
    with authored("", "Imported from a file."):
        for name in drift.created:
            Personality(owner=owner, **documents[name]).save()
        for name in drift.changed:
            for column, value in documents[name].items():
                setattr(rows[name], column, value)
            rows[name].save()


def _changes(row: Personality, columns: Mapping[str, Any]) -> list[Change]:
    """Compared as they are shown: a display name that is left out is what the name makes of it."""
    return comparison.changes(row.to_config(), Personality(**columns).to_config())
