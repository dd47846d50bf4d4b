"""What the loads say: tables and bars of the HTTP section."""

from benchmarks.applications import APPLICATIONS, FASTAPI, HELLO, OURS, ROWS, THREADED, VIEW
from benchmarks.findings import Bar, Table
from benchmarks.load import Load
from benchmarks.servers import SERVERS
from benchmarks.spread import Spread, ratio, short

Key = tuple[str, str]  # server, application
Loads = dict[Key, list[Load]]
PARTS = {
    "Companion's handler ÷ Django's, the same DRF view on rows": (THREADED, ROWS),
    "near copy ÷ rows, both DRF in Companion's handler": (VIEW, THREADED),
    "both together": (VIEW, ROWS),
    "the fast reader ÷ DRF view": (OURS, VIEW),
}


def table_of(server: str, loads: Loads) -> Table:
    head = ("", "requests/s", "÷ hello", "÷ FastAPI", "p50 ms", "p99 ms")
    rows = [
        (
            application,
            short(_median(loads[server, application], "rate")),
            *(str(_ratio(loads, "rate", (server, application), (server, to))) for to in (HELLO, FASTAPI)),
            *(short(_median(loads[server, application], what)) for what in ("p50", "p99")),
        )
        for application in APPLICATIONS
    ]
    return Table(f"{server}, one worker", head, rows)


def table_of_parts(loads: Loads) -> Table:
    """What each part of the service gains."""
    rows = [
        (label, *(str(_ratio(loads, "rate", (server, of), (server, to))) for server in SERVERS))
        for label, (of, to) in PARTS.items()
    ]
    return Table("What gains how much, in requests/s", ("", *SERVERS), rows)


def table_of_servers(loads: Loads, pairs: Loads) -> Table:
    """Which server."""
    rows = [
        (
            f"{application}, {workers} worker{'s' * (workers > 1)}",
            *(short(_median(of[server, application], "rate")) for server in SERVERS),
            str(_ratio(of, "rate", ("granian", application), ("uvicorn", application))),
            *(short(_median(of[server, application], "p99")) for server in SERVERS),
        )
        for workers, of in ((1, loads), (2, pairs))
        for application in (HELLO, OURS)
    ]
    rates, tails = ([f"{server}, {what}" for server in SERVERS] for what in ("requests/s", "p99 ms"))
    return Table("Which server", ("", *rates, "granian ÷ uvicorn", *tails), rows)


def bars_of(server: str, loads: Loads) -> list[Bar]:
    def rate(of: str, to: str) -> Spread:
        return _ratio(loads, "rate", (server, of), (server, to))

    p99 = _ratio(loads, "p99", (server, OURS), (server, HELLO))
    return [
        Bar.at_least(f"hot read, {server}", 0.7, "× hello", rate(OURS, HELLO)),
        Bar.at_least(f"hot read, {server}", 5, "× FastAPI in the original's style", rate(OURS, FASTAPI)),
        Bar.at_most(f"hot read, {server}, p99", 2, "× hello's", p99),
        Bar.at_least(f"DRF view, {server}", 4, "× DRF serializer from PostgreSQL", rate(VIEW, ROWS)),
    ]


def _ratio(loads: Loads, what: str, of: Key, to: Key) -> Spread:
    return ratio(*([getattr(each, what) for each in loads[key]] for key in (of, to)))


def _median(loads: list[Load], what: str) -> float:
    return Spread.of([getattr(load, what) for load in loads]).median
