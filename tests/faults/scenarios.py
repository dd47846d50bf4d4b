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
    """Others read while `write` writes, and until all that is old has been so for longer than the bound."""
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
    """What has happened to a personality, and who shall read it when nobody may serve the old version any more."""

    history: History
    name: str
    readers: list[Worker]

    def verdict(self) -> Verdict:
        """Each reads twice: what the first one keeps, the second one finds."""
        pause(BOUND + AFTERWARDS, self.history.commits[-1].returned)
        self.history.reads += [reader.read(self.name) for reader in (*self.readers, *self.readers)]
        return self.history.judge(BOUND)


def unheard(
    environment: Environment, workers: Workers, name: str, path: str, *, without: Sequence[str] = ()
) -> Aftermath:
    """A process has read the old version, and another one writes."""
    (reader,) = workers(1, without=without)
    history = History(commits=environment.create(name))
    reader.read(name)
    history.commits.append(environment.writer.write(path, name, 2))
    return Aftermath(history, name, [reader])


def race(environment: Environment, workers: Workers, name: str, *, without: Sequence[str] = ()) -> Aftermath:
    """A reader has the old row, a writer commits the new one, then the reader fills the caches with the old.

    Concerned are the reader itself, a process that had the old copy already, and one that is new.
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
    """The same where the reader has found nothing, and the writer makes it."""
    holder, other, newcomer = workers(3)
    other.read(name)
    holder.hold(name)
    history = History(commits=environment.create(name))
    history.reads.append(holder.release())
    return Aftermath(history, name, [holder, other, newcomer])
