"""What happens in more than one test."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from tests.faults.conftest import Workers
from tests.faults.environment import Environment
from tests.faults.history import Commit, History, Verdict
from tests.faults.servers import pause
from tests.faults.workers import Worker

BOUND = 1.2  # seconds for which an older version may be served, whatever happens
AFTERWARDS = 0.1


def watched(
    readers: Collection[Worker], names: Sequence[str], before: list[Commit], write: Callable[[], list[Commit]]
) -> Verdict:
    """Have others read while `write` writes, and until all that is old has been so for longer than the bound."""
    history = History(commits=list(before))
    for reader in readers:
        reader.watch(names)
    history.commits += write()
    pause(BOUND + AFTERWARDS, history.commits[-1].returned)
    for reader in readers:
        reader.unwatch().into(history)
    return history.judge(BOUND)


@dataclass
class Aftermath:
    """What has happened to a personality, and who reads it when nobody may serve the old version any more."""

    history: History
    name: str
    readers: list[Worker]

    def verdict(self) -> Verdict:
        """Read twice in each process, for what the first read keeps the second one finds; return the verdict."""
        pause(BOUND + AFTERWARDS, self.history.commits[-1].returned)
        self.history.reads += [reader.read(self.name) for reader in (*self.readers, *self.readers)]
        return self.history.judge(BOUND)


def unheard(
    environment: Environment, workers: Workers, name: str, path: str, *, without: Sequence[str] = ()
) -> Aftermath:
    """Write in one process what another has read before."""
    (reader,) = workers(1, without=without)
    history = History(commits=environment.create(name))
    reader.read(name)
    history.commits.append(environment.writer.write(path, name, 2))
    return Aftermath(history, name, [reader])


def race(environment: Environment, workers: Workers, name: str, *, without: Sequence[str] = ()) -> Aftermath:
    """Let a reader fill the caches with the old row after a writer has committed the new one.

    Readers afterwards are that process, one that had the old copy already, and one that is new.
    """
    holder, other, newcomer = workers(3, without=without)
    history = History(commits=environment.create(name))
    other.read(name)
    environment.redis.client.delete(*environment.keys(name))  # else the holder would have no need of the row
    holder.hold(name)
    history.commits.append(environment.writer.write("save", name, 2))
    history.reads.append(holder.release())
    assert environment.copy_in_redis(name), "the race did not take place: nobody filled Redis"
    return Aftermath(history, name, [holder, other, newcomer])


def race_of_absence(environment: Environment, workers: Workers, name: str) -> Aftermath:
    """Let a reader keep that there is no such personality after a writer has committed it."""
    holder, other, newcomer = workers(3)
    other.read(name)
    holder.hold(name)
    history = History(commits=environment.create(name))
    history.reads.append(holder.release())
    return Aftermath(history, name, [holder, other, newcomer])
