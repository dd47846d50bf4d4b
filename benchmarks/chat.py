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

from benchmarks import litellm, open_streams
from benchmarks.chat_processes import PACE, PIECES, THINKS
from benchmarks.databases import Environment, Servers
from benchmarks.http import APPLICATIONS, OURS
from benchmarks.http_servers import SERVED, Site
from benchmarks.results import Bar, Section, Spread, Table, ratio
from benchmarks.rounds import Effort, take_turns
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port

STREAMS, MANY = 50, 500
EVENLY, TOGETHER = "Companion", "Companion, all at the same moment"
LITELLM = "LiteLLM's proxy"
DIRECT = "the model itself"
PLENTY = "1000/second"

TEXT = """\
{streams} streams at a time from a model on the same machine. Its first piece comes after {thinks:.0f} ms, followed
by {pieces} pieces {pace:.0f} ms apart. Each piece says when the model was asked and when it spoke. *First piece* is
the time that the request and the first piece spent under way together, to the model and back: our share of what
somebody waits for. *Later piece* is the time from the model to the listener. Both include the time of client, model
and kernel, which *{direct}*, asked without us, shows. Streams begin evenly, one after another; where all begin at
the same moment, they queue for one core. *{litellm}* is asked by the same listeners for the same model, with a key
too; it has one worker, as we have, an environment of its own (`requirements/litellm.txt`), and the settings that its
documentation advises for production. Model, service, listeners, PostgreSQL and Redis share the machine's cores.
*Open streams* are {many}, begun one after another: how much more memory the service takes than before, and how many
of its connections to PostgreSQL are in use at the median moment."""

Talks = dict[str, list[dict[str, float]]]


def measure(servers: Servers, effort: Effort) -> Section:
    """Measure the time of first and later pieces, through the service and without it."""
    place = servers.environment("chat") | {"API_KEY": servers.key}
    with _model() as model, _service(place, model) as service, litellm.proxy(model) as peer:
        url = service.url("/v1/chat/completions")
        runs = {
            DIRECT: partial(_talk, f"{model}/chat/completions", "none", STREAMS, effort.talk),
            EVENLY: partial(_talk, url, servers.key, STREAMS, effort.talk),
            TOGETHER: partial(_talk, url, servers.key, STREAMS, effort.talk, "together"),
            LITELLM: partial(_talk, peer, litellm.KEY, STREAMS, effort.talk),
        }
        talks = take_turns(runs, effort.rounds)
        held = _hold(place, service, servers.key)
    milliseconds = {"thinks": 1000 * THINKS, "pace": 1000 * PACE}
    text = TEXT.format(streams=STREAMS, many=MANY, pieces=PIECES, direct=DIRECT, litellm=LITELLM, **milliseconds)
    figures = {**{name: list(each) for name, each in talks.items()}, "open streams": held}
    return Section("Chat", text, [_table(talks), open_streams.table(held)], _bars(talks, held), figures)


def _hold(place: Environment, service: Site, key: str) -> dict[str, float]:
    """Open MANY streams, and look at what they hold."""
    command = _command(service.url("/v1/chat/completions"), key, MANY, 1.0)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as talking:
        return open_streams.watch(place, service.supervisor, MANY, lambda: talking.poll() is not None)


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
def _service(place: Environment, model: str) -> Iterator[Site]:
    """The service while it runs."""
    settings = {"LLM_BASE_URL": model, "LLM_MODEL": "m", "CHAT_RATE": PLENTY, "CHAT_KEY_RATE": PLENTY}
    with ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log"
        site = Site(SERVED, APPLICATIONS[OURS], place | settings, log)
        stack.callback(site.stop)
        site.wait()
        yield site


def _command(url: str, key: str, streams: int, seconds: float, *more: str) -> list[str]:
    talkers = [sys.executable, "-m", "benchmarks.chat_processes", "talkers"]
    return [*talkers, url, key, str(streams), str(seconds), *more]


def _talk(url: str, key: str, streams: int, seconds: float, *more: str) -> dict[str, float]:
    command = _command(url, key, streams, seconds, *more)
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


def _bars(talks: Talks, held: dict[str, float]) -> list[Bar]:
    goal = f"our share of the first piece, {STREAMS} streams"
    peer, ours = ([each["first p50"] for each in talks[name]] for name in (LITELLM, EVENLY))
    return [
        Bar.at_most(f"{goal}, p50", 1.5, "ms", _spread(talks[EVENLY], "first p50")),
        Bar.at_most(f"{goal}, p99", 4, "ms", _spread(talks[EVENLY], "first p99")),
        Bar.at_most(f"{goal} at the same moment, p99", 60, "ms", _spread(talks[TOGETHER], "first p99")),
        Bar.at_least(f"{goal}, p50", 40, "× less than LiteLLM's", ratio(peer, ours)),
        Bar.at_most(f"{MANY} streams: connections to PostgreSQL held", 0, "", Spread(*[held["held"]] * 3)),
    ]


def _spread(rounds: list[dict[str, float]], what: str) -> Spread:
    return Spread.of([each[what] for each in rounds])
