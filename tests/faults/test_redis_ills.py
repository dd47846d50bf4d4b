"""Promise 4: what befalls Redis while a change is committed costs nobody the truth, then or when it is well again."""

import pytest

from tests.faults.conftest import Figure, Workers
from tests.faults.history import History
from tests.faults.ills import ILLS
from tests.faults.scenarios import BOUND, Aftermath
from tests.faults.stage import Stage


@pytest.mark.parametrize("ill", ILLS)
def test_redis__ill_during_a_commit__old_copy_never_believed(
    stage: Stage, workers: Workers, name: str, figure: Figure, ill: str
) -> None:
    """Read by a process that knew the old version, one that did not, one born meanwhile, and one born afterwards."""
    history = History(commits=stage.create(name))
    warm, cold, during = workers(3)
    cold.read("nobody")
    warm.watch([name])
    old = copies(stage, name)
    with ILLS[ill](stage.redis):
        history.commits.append(stage.writer.write("save", name, 2))
        history.reads.append(during.read(name))
    survived = stage.copy_in_redis(name) == "1"  # else deleted late, or put right by a reader already
    stage.redis.client.mset(old)  # at the latest now it is back: a late SET, a backup
    Aftermath(history, name, [cold, during, *workers(1)]).verdict()
    warm.unwatch().into(history)
    verdict = history.judge(BOUND)
    figure(
        4,
        f"Redis {ill} during a commit, then healed",
        f"0 reads older than {BOUND} s, 0 errors",
        measured=f"{verdict}{'; the old copy survived' * survived}",
        met=verdict.holds,
        why=verdict.evidence(),
    )


def copies(stage: Stage, name: str) -> dict[str, bytes]:
    """What Redis holds of a personality, as it stands there."""
    found = {key: stage.redis.client.get(key) for key in stage.keys(name)}
    assert all(found.values())
    return found
