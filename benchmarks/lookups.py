"""A lookup in one thread: what the service takes, near and from Redis, and what others take."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from benchmarks.databases import Servers
from benchmarks.results import Bar, Section, Spread, Table, ratio, short
from benchmarks.rounds import Contender, Effort, contenders, take_turns


class Peer(NamedTuple):
    """A contender: what tables call it, MODULE.FUNCTION in benchmarks/contenders, and its environment."""

    label: str
    contender: str
    environment: dict[str, str] = {}


NEAR, SHARED, RAW, EMPTY = "Companion, near", "Companion, from Redis", "redis-py", "an empty call"
DISTANT = ("django-redis", "cacheops", "cachalot", "waffle", "the original's class")  # labels of PEERS
PEERS = (
    Peer(EMPTY, "service.nothing"),
    Peer(NEAR, "service.lookups"),
    Peer("LocMemCache", "django_caches.locmem"),
    Peer("redis-py, client-side caching", "redis_clients.tracking"),
    Peer(RAW, "redis_clients.redis_py"),
    Peer(SHARED, "service.lookups", {"PERSONALITY_NEAR_ENTRIES": "0"}),
    Peer("the original's class", "redis_clients.original"),
    Peer("django-redis", "django_caches.django_redis"),
    Peer("Django's RedisCache", "django_caches.redis_cache_of_django"),
    Peer("waffle", "django_caches.waffle"),
    Peer("cachalot", "orm.cachalot"),
    Peer("cacheops", "orm.cacheops"),
    Peer("ORM on PostgreSQL", "orm.rows"),
)
WAYS = {"id": "GET", "config": "GET + json.loads"}
Samples = dict[tuple[str, str], list[float]]  # microseconds a call in each round, by label and way

TEXT = """\
One thread looks up one name that it has asked for before. *id* is the personality's id, *config* its whole
configuration. The ORM, and what caches its queries, return the row instead, without building a configuration;
waffle has none, as its flags hold none. The ratio is to redis-py with hiredis over TCP, a `GET` of the service's
own key, with `json.loads` for config; it is taken within each round. *times* says how often Companion's hit in
memory fits into it. LocMemCache is up to date only in the process that writes. From Redis the service reads and
checks `:config`, for either question."""


def measure(servers: Servers, effort: Effort) -> Section:
    """Measure a lookup of the id and of the configuration by every contender."""
    place = servers.environment("lookups")
    with contenders(*((peer.contender, place | peer.environment) for peer in PEERS)) as processes:
        by_label = dict(zip((peer.label for peer in PEERS), processes, strict=True))
        refusals = {label: process.refusal for label, process in by_label.items() if process.refusal}
        samples = _time({label: by_label[label] for label in by_label if label not in refusals}, effort)
    tables = [_table(samples, refusals), _shared_table(samples)]
    figures = {"microseconds": {f"{label}, {way}": samples[label, way] for label, way in samples}, "refused": refusals}
    return Section("Lookup", TEXT, tables, _bars(samples), figures)


def _time(processes: Mapping[str, Contender], effort: Effort) -> Samples:
    runs = {}
    for label, process in processes.items():
        for way in process.ask("ways"):
            if process.ask("value", way=way) == "None" and label != EMPTY:
                raise RuntimeError(f"{label}, {way}: nothing was found")  # a miss must not pass for a hit
            runs[label, way] = partial(process.ask, "time", way=way, seconds=effort.window)
    return take_turns(runs, effort.rounds)


def _table(samples: Samples, refusals: Mapping[str, str]) -> Table:
    head = ("", *(cell for way, to in WAYS.items() for cell in (f"{way} µs", f"÷ {to}", "times")))
    rows = [
        (peer.label, f"refused: {refusals[peer.label]}", *[""] * 5)
        if peer.label in refusals
        else (peer.label, *(cell for way in WAYS for cell in _cells(samples, peer.label, way)))
        for peer in PEERS
    ]
    return Table("", head, rows)


def _cells(samples: Samples, label: str, way: str) -> Sequence[str]:
    if (label, way) not in samples:
        return ("–", "–", "–")
    micros, to_raw = samples[label, way], ratio(samples[label, way], samples[RAW, way])
    return short(Spread.of(micros).median), str(to_raw), short(_times(samples, label, way).median)


def _times(samples: Samples, label: str, way: str) -> Spread:
    return ratio(samples[label, way], samples[NEAR, way])


def _shared_table(samples: Samples) -> Table:
    """What a hit in Redis is made of."""
    rows = [
        (f"{SHARED}, {way} ÷ {what}", str(ratio(samples[SHARED, way], samples[RAW, to])))
        for way in WAYS
        for what, to in (("GET", "id"), ("GET + json.loads of :config", "config"))
    ]
    return Table("A hit in Redis, near cache off", ("", "ratio"), rows)


def _bars(samples: Samples) -> list[Bar]:
    near = [
        Bar.at_most(f"near hit, {way}", 0.01, f"× {to}", ratio(samples[NEAR, way], samples[RAW, way]))
        for way, to in WAYS.items()
    ]
    from_redis = [
        Bar.at_most(f"hit in Redis, {way}", 1.3, f"× {to}", ratio(samples[SHARED, way], samples[RAW, way]))
        for way, to in WAYS.items()
    ]
    return [
        *near,
        *(_bar_of_peers(samples, way) for way in WAYS),
        *from_redis,
    ]


def _bar_of_peers(samples: Samples, way: str) -> Bar:
    """The bar against the peer that comes nearest. Raises KeyError for a peer that was not measured."""
    peers = [label for label in DISTANT if (label, way) != ("waffle", "config")]  # its flags hold none
    times: dict[str, Any] = {label: _times(samples, label, way) for label in peers}
    nearest = min(times, key=times.__getitem__)
    bar = Bar.at_least(f"near hit, {way}", 100, f"× as fast as each of {', '.join(times)}", times[nearest])
    return bar._replace(measured=f"{bar.measured}, {nearest}")
