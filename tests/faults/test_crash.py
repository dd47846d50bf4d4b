"""A process that `kill -9` ends between COMMIT and the commit hook costs nobody the truth."""

import time

from tests.faults.conftest import Workers
from tests.faults.environment import Environment
from tests.faults.history import Commit, History
from tests.faults.scenarios import BOUND, Aftermath
from tests.promises import Figure

STORED = "SELECT greeting FROM personalities_personality WHERE personality_name = %s"


def test_crash__between_commit_and_hook__seen_elsewhere(
    environment: Environment, workers: Workers, name: str, figure: Figure
) -> None:
    paths = ("save", "save_in_transaction", "update", "upsert")
    crashes = [crash(environment, workers, f"{name}-{path}", path) for path in paths]
    verdicts = [crash.verdict() for crash in crashes]
    figure(
        13,
        f"kill -9 between COMMIT and the hook of {', '.join(paths)}",
        f"0 reads older than {BOUND} s",
        measured=f"{sum(verdict.holds for verdict in verdicts)} of {len(paths)} hold",
        met=all(verdict.holds for verdict in verdicts),
        why="\n".join(verdict.evidence() for verdict in verdicts),
    )


def crash(environment: Environment, workers: Workers, name: str, path: str) -> Aftermath:
    reader, newcomer, victim = workers(3)
    history = History(commits=environment.create(name))
    reader.read(name)
    started = time.monotonic_ns()
    victim.kill_before_commit_hooks(path, name, 2)
    history.commits.append(Commit(started, time.monotonic_ns(), name, 2))
    assert environment.sql(STORED, name) == [("2",)], "it died before COMMIT"
    assert environment.copy_in_redis(name) == "1", "the hook has run"
    return Aftermath(history, name, [reader, newcomer])
