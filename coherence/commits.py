"""The numbers of the commits in the change log, as far as a process remembers them."""

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable


class Commits:
    """Numbers at which there was a commit: all from `since` on, and some from before.

    A copy that was read at any other number from `since` on shows a lost commit: the log never had that number. Readers
    take no lock: numbers are appended in place, and any other change makes a new array.
    """

    def __init__(self, since: int, capacity: int) -> None:
        """No number is known yet. When there are more than `capacity`, the lower half is dropped."""
        self.since, self._capacity = since, capacity
        self._numbers = array("q")  # ascending; 8 bytes each

    def __contains__(self, number: int) -> bool:
        numbers = self._numbers
        place = bisect_left(numbers, number)
        return place < len(numbers) and numbers[place] == number

    def __len__(self) -> int:
        return len(self._numbers)

    def append(self, number: int) -> None:
        """Add the newest; one that is there already is not added again."""
        if not self._numbers or self._numbers[-1] < number:
            self._numbers.append(number)
            self._drop_oldest()

    def add(self, numbers: Iterable[int]) -> None:
        """Add a few older numbers; those that are known already are left out."""
        if new := [number for number in numbers if number not in self]:
            found = self._numbers[:]
            for number in new:
                insort(found, number)
            self._numbers = found
            self._drop_oldest()

    def add_all(self, numbers: Iterable[int], since: int) -> None:
        """Add very many older ones at once: all that the log has from `since` on."""
        self._numbers = array("q", sorted({*self._numbers, *numbers}))
        self.since = min(self.since, since)
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        if len(self._numbers) > self._capacity:
            self._numbers = self._numbers[len(self._numbers) // 2 :]
            self.since = max(self.since, self._numbers[0])
