"""An empty call: what the loop itself costs, and is in every figure."""

from benchmarks.commands import Commands, timed


def commands() -> Commands:
    return timed(id=lambda: None, config=lambda: None)
