"""Metrics of the whole instance, whichever of its workers is asked.

Each worker publishes its samples in a directory that the workers of one server share: every second, and whenever one of
them is asked for metrics. What a worker has counted stays when it ends.
"""

import fcntl
import json
import logging
import os
import shutil
import socket
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from pathlib import Path
from typing import IO, TYPE_CHECKING

from companion.service_threads import failures, start_service

if TYPE_CHECKING:
    from prometheus_client.core import Metric

logger = logging.getLogger(__name__)

PUBLISH_SECONDS = 1.0  # a killed worker loses what it counted since
ANSWER_SECONDS = 0.5  # how long to wait for another worker; then its last samples count
MEMORY = Path("/dev/shm")  # noqa: S108  a directory of our own is made there, for nobody else
SUMMED_BY_MAX = {"companion_change_feed_age_seconds", "companion_redis_breaker_open", "process_max_fds"}
EARLIEST = {"process_start_time_seconds"}
KEPT_TYPES = {"counter", "histogram"}  # beyond their worker's end

Sample = tuple[str, dict[str, str], float]
Family = tuple[str, str, str, list[Sample]]  # name, documentation, type, samples


class Sharing:
    """How often this process could not share its samples, as when the disk is full."""

    def __init__(self) -> None:
        self.failures = 0
        self._fails = False

    def failed(self, error: OSError) -> None:
        """Count a failure to share metrics, and warn of the first in a row."""
        self.failures += 1
        if not self._fails:
            logger.warning("Metrics are not shared with the other workers: %s", error)
        self._fails = True

    def succeeded(self) -> None:
        """Metrics were shared: the next failure is the first in a row."""
        self._fails = False

    def collect(self) -> "Iterable[Metric]":
        """The count of failures, as prometheus-client's registry asks for it."""
        from prometheus_client.core import CounterMetricFamily  # here, because it takes 50 ms

        name, what = "companion_metrics_not_shared", "Times a worker could not share its metrics with the others."
        return [CounterMetricFamily(name, what, value=self.failures)]


sharing = Sharing()


class Workers:
    """The workers of one server, by the files in their directory.

    NAME.lock is locked as long as its worker lives, NAME.json has its samples, NAME.sock is where to ask for new ones.
    `ended.json` has the sum of what ended workers counted.
    """

    def __init__(self, directory: Path) -> None:
        """Join the workers in `directory`. Raises OSError if it is not usable, or not ours alone."""
        _make_private(directory)
        self.directory = directory
        self.name = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._publishing = threading.Lock()  # what is older must not be written last
        self._life = (directory / f"{self.name}.lock").open("w")
        fcntl.flock(self._life, fcntl.LOCK_EX)
        self._asked = socket.socket(socket.AF_UNIX)
        self._asked.bind(str(directory / f"{self.name}.sock"))
        self._asked.listen()
        self._asked.settimeout(PUBLISH_SECONDS)

    def serve(self) -> None:
        """Publish for whoever asks, or else after a second. Raises OSError if no file can be opened."""
        try:
            connection, _ = self._asked.accept()
        except TimeoutError:
            self.publish()
        else:
            with connection:
                self.publish()

    def publish(self) -> list[Family]:
        """Return the samples of this process, written for the others if there is room."""
        with self._publishing:
            own = [_plain(metric) for metric in own_metrics()]
            try:
                _write(self.directory / f"{self.name}.json", own)
            except OSError as error:
                sharing.failed(error)
            else:
                sharing.succeeded()
        return own

    def metrics(self) -> "list[Metric]":
        """The metrics of all workers, as of now; of this one alone if the directory is unusable."""
        own = self.publish()
        for other in self.directory.glob("*.sock"):
            if other.stem != self.name:
                _ask(other)
        try:
            with _locked(self.directory / "all"):
                others = [name for name in self._names() if name != self.name and not self._has_ended(name)]
                published = [_read(self.directory / f"{name}.json") for name in others]
                return _summed([own, *published, _read(self.directory / "ended.json")])
        except OSError as error:
            sharing.failed(error)
            return _summed([own])

    def _names(self) -> list[str]:
        return [lock.stem for lock in self.directory.glob("*.lock")]

    def _has_ended(self, name: str) -> bool:
        """If it has, its counts are added to those of all that have ended, and its files deleted.

        Until there is room for the sum, it counts as alive.
        """
        with (self.directory / f"{name}.lock").open() as life:
            try:
                fcntl.flock(life, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        last = self.directory / f"{name}.json"
        kept = [family for family in _read(last) if family[2] in KEPT_TYPES]
        ended = self.directory / "ended.json"
        try:
            _write(ended, [_plain(metric) for metric in _summed([_read(ended), kept])])
        except OSError as error:
            sharing.failed(error)
            return False
        for suffix in (".json", ".sock", ".lock"):
            (self.directory / f"{name}{suffix}").unlink(missing_ok=True)
        return True


workers: Workers | None = None  # of this process, if a server has started it as one of several


def start() -> None:
    """Share metrics with the other workers of the server that started this process, if one did.

    Without a writable directory, or alone, a process has only its own.
    """
    global workers  # noqa: PLW0603
    parent = parent_process()
    if parent is None or parent.pid is None:
        return
    with suppress(OSError):
        root = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        _delete_left_behind(root)
        workers = Workers(root / f"{_prefix()}{parent.pid}-{_started(parent.pid)}")
        start_service("metrics", workers.serve)


class Instance:
    """All workers, as a collector for prometheus-client."""

    def collect(self) -> "Iterable[Metric]":
        """The metrics of all workers, or of this process alone."""
        return workers.metrics() if workers else own_metrics()


def own_metrics() -> "list[Metric]":
    """This process's metrics."""
    # Imported here: prometheus-client makes every start 50 ms slower, and most processes are never scraped.
    from prometheus_client import Info

    from coherence.metrics import registry
    from companion import __version__, optional_apps
    from companion.request_metrics import counts
    from companion.slow_peers import slow_peers

    made = registry()
    for collector in (counts, slow_peers, sharing, failures, *optional_apps.collectors()):
        made.register(collector)  # type: ignore[arg-type]
    Info("companion_build", "The release that answers.", registry=made).info({"version": __version__})
    return [*made.collect()]


def _summed(published: Iterable[list[Family]]) -> "list[Metric]":
    from prometheus_client.core import Metric

    found: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for name, documentation, kind, samples in (family for families in published for family in families):
        found.setdefault(name, Metric(name, documentation, kind))
        sums = values.setdefault(name, {})
        for sample, labels, value in samples:
            key = sample, tuple(labels.items())
            sums[key] = _combined(name, kind, sums[key], value) if key in sums else value
    for name, metric in found.items():
        for (sample, pairs), value in values[name].items():
            metric.add_sample(sample, dict(pairs), value)
    return [*found.values()]


def _combined(name: str, kind: str, one: float, other: float) -> float:
    """Counters and most gauges add up; of some the worst one counts."""
    if name in SUMMED_BY_MAX or kind == "info" or name.endswith("_info"):
        return max(one, other)
    return min(one, other) if name in EARLIEST else one + other


def _plain(metric: "Metric") -> Family:
    samples = [(sample.name, dict(sample.labels), float(sample.value)) for sample in metric.samples]
    return metric.name, metric.documentation, metric.type, samples


def _write(file: Path, families: Iterable[Family]) -> None:
    """Atomically, for those who read it meanwhile. Raises OSError, and then leaves nothing behind."""
    new = file.with_name(f"{file.name}.{threading.get_ident()}")
    try:
        new.write_text(json.dumps([*families]))
        new.replace(file)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _read(file: Path) -> list[Family]:
    """The metrics that another worker has published in `file`; none if it has published nothing yet."""
    with suppress(FileNotFoundError):
        found: list[Family] = json.loads(file.read_text())
        return found
    return []


def _ask(other: Path) -> None:
    """Have another worker publish, and wait until it has; one that has ended, or hangs, does not count."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(other))
        connection.recv(1)


@contextmanager
def _locked(file: Path) -> "Iterator[IO[str]]":
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield opened


def _make_private(directory: Path) -> None:
    """Make `directory`, for this user alone. Raises OSError, also if it is somebody else's or open to others."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{directory} is not ours alone")


def _prefix() -> str:
    return f"companion-{os.getuid()}-"


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; 0 if it is gone, or on a system that does not say."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return "0"


def _delete_left_behind(root: Path) -> None:
    """The directories of servers that have ended."""
    for directory in root.glob(f"{_prefix()}*-*"):
        pid, _, started = directory.name.removeprefix(_prefix()).partition("-")
        if pid.isdigit() and started != _started(int(pid)):
            shutil.rmtree(directory, ignore_errors=True)
