"""What a process knows of one subject."""


class Known:
    """Moments are of this process's clock, in microseconds."""

    __slots__ = ("_drains", "_owed", "due", "heard")

    def __init__(self) -> None:
        self.heard = 0  # when the limit is wholly unused again, as Redis told
        self.due = 0  # the same of this process's share
        self._owed = 0  # how much was admitted here, and is not in Redis
        self._drains = 0  # since when that shrinks

    def owed(self, now: int) -> int:
        return max(self._owed - max(now - self._drains, 0), 0)

    def owe(self, amount: int, now: int, drains: int) -> None:
        """It shrinks from `drains` on: until then what Redis has shrinks, and nothing may shrink twice as fast."""
        self._owed = self.owed(now) + amount
        self._drains = max(now, drains, self._drains)

    def settle(self) -> None:
        self._owed = 0
