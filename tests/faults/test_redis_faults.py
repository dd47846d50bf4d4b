"""What befalls Redis while a change is committed costs nobody the truth, then or when it is well again."""

import pytest

from tests.faults.conftest import Workers
from tests.faults.environment import Environment
from tests.faults.history import History
from tests.faults.scenarios import BOUND, Aftermath
from tests.faults.servers import REDIS_FAULTS
from tests.promises import Figure


@pytest.mark.parametrize("fault", REDIS_FAULTS)
def test_redis__fault_during_a_commit__old_copy_never_believed(
    environment: Environment, workers: Workers, name: str, figure: Figure, fault: str
) -> None:
    """Read by a process that knew the old version, one that did not, one born meanwhile, and one born afterwards."""
    history = History(commits=environment.create(name))
    warm, cold, during = workers(3)
    cold.read("nobody")
    warm.watch([name])
    old = copies(environment, name)
    with REDIS_FAULTS[fault](environment.redis):
        history.commits.append(environment.writer.write("save", name, 2))
        history.reads.append(during.read(name))
    survived = environment.copy_in_redis(name) == "1"  # else deleted late, or put right by a reader already
    environment.redis.client.mset(old)  # at the latest now it is back: a late SET, a backup
    Aftermath(history, name, [cold, during, *workers(1)]).verdict()
    warm.unwatch().into(history)
    verdict = history.judge(BOUND)
    figure(
        4,
        f"Redis {fault} during a commit, then healed",
        f"0 reads older than {BOUND} s, 0 errors",
        measured=f"{verdict}{'; the old copy survived' * survived}",
        met=verdict.holds,
        why=verdict.evidence(),
    )


def copies(environment: Environment, name: str) -> dict[str, bytes]:
    """Return the raw copy that Redis holds of a personality."""
    found = {key: environment.redis.client.get(key) for key in environment.keys(name)}
    assert all(found.values())
    return found
