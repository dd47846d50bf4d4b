"""Which times a row may have."""

from datetime import UTC, datetime

from django.db import models
from django.db.models import Q

# PostgreSQL has others, such as "infinity": a row with one cannot be read, and no answer could show it.
PYTHON_RANGE = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


def readable(name: str, *columns: str) -> models.CheckConstraint:
    """A constraint of that name: each of `columns` is a time that Python has, or NULL."""
    return models.CheckConstraint(name=name, condition=Q(**{f"{column}__range": PYTHON_RANGE for column in columns}))
