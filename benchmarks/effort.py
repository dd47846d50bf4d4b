"""How long to look."""

from typing import NamedTuple


class Effort(NamedTuple):
    """Times in seconds. `rounds` is how often everybody has a turn, `window` how long a turn of calls takes."""

    rounds: int
    window: float
    load: float  # a turn of HTTP requests
    talk: float  # a turn of streams
    watch: int  # queries are counted this long
    rows: int  # of a bulk write
    sizes: tuple[int, ...]  # stored personalities; the last that fit into memory


FULL = Effort(rounds=7, window=0.2, load=2, talk=4, watch=60, rows=10_000, sizes=(10, 1_000, 100_000, 1_000_000))
QUICK = Effort(rounds=3, window=0.02, load=0.3, talk=1.5, watch=3, rows=1_000, sizes=(10, 1_000))
