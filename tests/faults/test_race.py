"""A reader that is slow to keep the old row does no harm."""

from tests.faults.conftest import Workers
from tests.faults.environment import Environment
from tests.faults.history import History
from tests.faults.scenarios import AFTERWARDS, BOUND, Aftermath, race, race_of_absence
from tests.faults.servers import frozen, pause
from tests.promises import Figure
from tests.waiting import wait_until


def test_race__fill_after_the_commit__not_believed(
    environment: Environment, workers: Workers, name: str, figure: Figure
) -> None:
    found, nothing = race(environment, workers, name), race_of_absence(environment, workers, f"{name}-new")
    note(figure, "a slow reader fills with the old row", found)
    note(figure, "a slow reader keeps that there is none", nothing)
    assert environment.copy_in_redis(name) == "2"  # who found the old one there has put it right


def test_race__frozen_redis_executes_the_fill_late__not_believed(
    environment: Environment, workers: Workers, name: str, figure: Figure
) -> None:
    """The reader gives up its SET after 0.1 s; Redis executes it all the same, after the commit."""
    holder, other, newcomer = workers(3)
    history = History(commits=environment.create(name))
    other.read(name)
    environment.redis.client.delete(*environment.keys(name))
    holder.hold(name)
    with frozen(environment.redis):
        history.reads.append(holder.release())
        history.commits.append(environment.writer.write("raw_sql", name, 2))
    wait_until(lambda: environment.copy_in_redis(name) == "1")
    note(figure, "Redis executes an old fill late", Aftermath(history, name, [holder, other, newcomer]))


def test_race__read_joins_one_that_is_older_than_the_bound__not_served_the_old_row(
    environment: Environment, workers: Workers, name: str, figure: Figure
) -> None:
    """Concurrent reads share one load. One that begins long after a commit must not get what was read before it."""
    (holder,) = workers(1)
    holder.read("nobody")  # so that its feed runs
    history = History(commits=environment.create(name))
    holder.hold(name)
    with environment.hanging_feeds():
        history.commits.append(environment.writer.write("raw_sql", name, 2))
        pause(BOUND + AFTERWARDS, history.commits[-1].returned)
        holder.join(name)
        history.reads += [holder.release(), holder.joined_read()]
    verdict = history.judge(BOUND)
    bar = f"0 reads older than {BOUND} s, unless marked unverified"
    what = "a read joins one that began before the commit, with a hanging feed"
    figure(5, what, bar, measured=str(verdict), met=verdict.honest, why=verdict.evidence())


def note(figure: Figure, what: str, aftermath: Aftermath) -> None:
    verdict = aftermath.verdict()
    bar = "its process, another and a new one read the new"
    figure(5, what, bar, measured=str(verdict), met=verdict.holds, why=verdict.evidence())
