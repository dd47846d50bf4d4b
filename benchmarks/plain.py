"""The table of personalities as a plain Django model: without triggers, signals, versions or copies."""

from typing import Any

from django.db import models


def plain(table: str = "personalities_personality") -> Any:
    """Call it once, when Django is set up."""
    from personalities.models import Personality

    columns = {field.attname: _column(field) for field in Personality._meta.concrete_fields}
    meta = type("Meta", (), {"app_label": "benchmarks", "db_table": table, "managed": False})
    return type("Plain", (models.Model,), {"__module__": __name__, "Meta": meta, **columns})


def _column(field: Any) -> Any:
    """As Django has it: names of ours are spelled canonically at each use, which a plain model would not do."""
    from personalities.fields import NameField

    match field:
        case models.ForeignKey():
            return models.BigIntegerField(null=True)
        case NameField():
            return models.CharField(max_length=field.max_length)
    return field.clone()
