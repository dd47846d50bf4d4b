"""Which times a row may have."""

from datetime import UTC, datetime

from django.db import models
from django.db.models import Q

# PostgreSQL has others, such as "infinity": a row with one cannot be read, and no answer could show it.
PYTHON_RANGE = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


# Narrower, for times that are counted from 1970 and shown in any time zone.
UNIX_RANGE = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


def readable(name: str, *columns: str, within: tuple[datetime, datetime] = PYTHON_RANGE) -> models.CheckConstraint:
    """A constraint of that name: each of `columns` is a time `within` these two, or NULL."""
    return models.CheckConstraint(name=name, condition=Q(**{f"{column}__range": within for column in columns}))
