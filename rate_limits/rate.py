"""So many in so long: `30/minute`."""

import re
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

MICROSECONDS = 1_000_000
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
WRITTEN = re.compile(r"([1-9][0-9]{0,5})/(?:([1-9][0-9]{0,3}) )?(second|minute|hour|day)s?")
UNCLEAR = "write a rate as 30/minute, or 100/15 minutes; the units are second, minute, hour and day"


class Rate(NamedTuple):
    """`limit` at once, and then one each `interval`. Times are in microseconds, whole ones, so that none drift."""

    limit: int
    window: int  # seconds

    @property
    def interval(self) -> int:
        """Rounded up: never more than was asked for."""
        return -(-self.window * MICROSECONDS // self.limit)

    @property
    def full(self) -> int:
        """The backlog of who has used all of it; about a window."""
        return self.limit * self.interval


def parse(text: str, name: str) -> Rate:
    """Raises ImproperlyConfigured, which names the setting."""
    written = WRITTEN.fullmatch(text)
    if written is None:
        raise ImproperlyConfigured(f"{name}: {text!r} is no rate; {UNCLEAR}")
    limit, times, unit = written.groups()
    return Rate(int(limit), int(times or 1) * UNITS[unit])
