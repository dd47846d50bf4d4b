"""The ORM on PostgreSQL: one column of the row, and the row, without building a configuration of it."""

from typing import Any

from benchmarks.commands import Commands, timed
from benchmarks.plain import plain
from benchmarks.project import configure
from benchmarks.subject import NAME


def commands() -> Commands:
    return looked_up()


def looked_up(*apps: str, **settings: Any) -> Commands:
    """The same lookups in a project that has these apps, which may answer them in their own way."""
    configure(*apps, **settings)
    rows = plain().objects.filter(owner_id=None, is_active=True)
    return timed(
        id=lambda: rows.values_list("id", flat=True).get(personality_name=NAME),
        config=lambda: rows.get(personality_name=NAME),
    )
