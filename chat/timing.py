"""How long each part of an answer took, as `Server-Timing` says it."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Part:
    description = ""  # for whoever times it to say


class Timing:
    def __init__(self) -> None:
        self._began = perf_counter()
        self._parts: list[str] = []

    @contextmanager
    def part(self, name: str) -> Iterator[Part]:
        began, timed = perf_counter(), Part()
        try:
            yield timed
        finally:
            self.note(name, perf_counter() - began, timed.description)

    def note(self, name: str, seconds: float, description: str = "") -> None:
        desc = f';desc="{description}"' if description else ""
        self._parts.append(f"{name}{desc};dur={seconds * 1000:.3f}")

    def header(self) -> str:
        """The parts, and the whole until now."""
        return ", ".join([*self._parts, f"total;dur={(perf_counter() - self._began) * 1000:.3f}"])
