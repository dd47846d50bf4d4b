"""What the service adds to a language model: to its first piece, and to each that follows, while many talk."""

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chat_processes import PACE, PIECES, THINKS
from benchmarks.databases import Environment, Servers
from benchmarks.http import APPLICATIONS, OURS
from benchmarks.http_servers import SERVED, Site
from benchmarks.results import Bar, Section, Spread, Table
from benchmarks.rounds import Effort, take_turns
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port

STREAMS = 50
EVENLY, TOGETHER = "Companion", "Companion, all at the same moment"
DIRECT = "the model itself"
PLENTY = "1000/second"

TEXT = """\
{streams} streams at a time from a model on the same machine. Its first piece comes after {thinks:.0f} ms, followed
by {pieces} pieces {pace:.0f} ms apart. Each piece says when the model was asked and when it spoke. *First piece* is
the time that the request and the first piece spent under way together, to the model and back: our share of what
somebody waits for. *Later piece* is the time from the model to the listener. Both include the time of client, model
and kernel, which *{direct}*, asked without us, shows. Streams begin evenly, one after another; where all begin at
the same moment, they queue for one core. Model, service, listeners, PostgreSQL and Redis share the machine's cores."""

Talks = dict[str, list[dict[str, float]]]


def measure(servers: Servers, effort: Effort) -> Section:
    """Measure the time of first and later pieces, through the service and without it."""
    place = servers.environment("chat") | {"API_KEY": servers.key}
    with _model() as model, _service(place, model) as service:
        runs = {
            DIRECT: partial(_talk, f"{model}/chat/completions", "none", STREAMS, effort.talk),
            EVENLY: partial(_talk, service, servers.key, STREAMS, effort.talk),
            TOGETHER: partial(_talk, service, servers.key, STREAMS, effort.talk, "together"),
        }
        talks = take_turns(runs, effort.rounds)
    milliseconds = {"thinks": 1000 * THINKS, "pace": 1000 * PACE}
    text = TEXT.format(streams=STREAMS, pieces=PIECES, direct=DIRECT, **milliseconds)
    return Section("Chat", text, [_table(talks)], _bars(talks), {name: list(each) for name, each in talks.items()})


@contextmanager
def _model() -> Iterator[str]:
    """Its base URL while it runs."""
    port = free_port()
    spec = ServerSpec("model", (sys.executable, "-m", "benchmarks.chat_processes", "model", str(port)), None, cwd=ROOT)
    guarded = SupervisedServer(spec)
    try:
        guarded.wait_until(partial(_listens, port))
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        guarded.stop()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def _service(place: Environment, model: str) -> Iterator[str]:
    """The address of chat while it runs."""
    settings = {"LLM_BASE_URL": model, "LLM_MODEL": "m", "CHAT_RATE": PLENTY, "CHAT_KEY_RATE": PLENTY}
    with ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log"
        site = Site(SERVED, APPLICATIONS[OURS], place | settings, log)
        stack.callback(site.stop)
        site.wait()
        yield site.url("/v1/chat/completions")


def _talk(url: str, key: str, streams: int, seconds: float, *more: str) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.chat_processes",
        "talkers",
        url,
        key,
        str(streams),
        str(seconds),
        *more,
    ]
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    got: dict[str, Any] = json.loads(printed)
    if got["failed"]:
        raise RuntimeError(f"{url}: {got['failed']} of {got['answers']} answers failed")
    return got


def _table(talks: Talks) -> Table:
    what = ("first p50", "first p99", "later p50", "later p99")
    head = ("", *(f"{piece} piece, {percentile} ms" for piece, percentile in (each.split() for each in what)))
    rows = [(name, *(str(_spread(rounds, each)) for each in what)) for name, rounds in talks.items()]
    return Table("", head, rows)


def _bars(talks: Talks) -> list[Bar]:
    goal = f"our share of the first piece, {STREAMS} streams"
    limits = {"p50": 3, "p99": 10}
    return [
        Bar.at_most(f"{goal}, {percentile}", limit, "ms", _spread(talks[EVENLY], f"first {percentile}"))
        for percentile, limit in limits.items()
    ]


def _spread(rounds: list[dict[str, float]], what: str) -> Spread:
    return Spread.of([each[what] for each in rounds])
