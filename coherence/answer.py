from typing import Generic, Literal, NamedTuple, TypeVar, get_args

V = TypeVar("V")
Source = Literal["near", "redis", "database"]
SOURCES: tuple[Source, ...] = get_args(Source)  # from near to far


class Answer(NamedTuple, Generic[V]):
    """What a lookup found, None when there is no such row; where; and how many seconds ago it was known to be true.

    Zero seconds: it is true, within the bound of `feed.IN_TOUCH_SECONDS`.
    """

    value: V | None
    source: Source
    age: float = 0.0

    @property
    def unverified(self) -> bool:
        """Whether PostgreSQL is out of reach, so that the row may have changed since."""
        return self.age > 0
