"""How tests are spread over processes: what shares a costly fixture stays together, and what takes longest goes first.

pytest-xdist's own groups do not work with pytest 9.2, which has no place for the group in the name of a test.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Files that share a session's fixture; every other file is a group of its own.
INSTANCE = ("chat", "foreground", "hot_read", "manage", "no_lost_edit", "redis_contract", "root", "run", "second_run")
FAULTS_ALONE = ("chat", "history", "machine", "recorded_answers", "transactions")
# Faults mostly wait. In one process they would be all that the suite waits for, so those with a whole service or a
# database of their own have another, which costs a second PostgreSQL and Redis.
SERVICES = ("behind_proxy", "configuration", "database_defaults", "exports", "failover", "headers",
            "idle_connections", "instance_metrics", "lost_signals", "probes", "random_requests", "restore",
            "retention", "sign_ins", "slow_peers", "stopping", "strangers", "two_phase", "upstream_cost")  # fmt: skip
SHARED = {
    **{f"tests/e2e/test_{name}.py": "instance" for name in (*INSTANCE, "urls_given")},
    **{f"tests/faults/test_{name}.py": f"{name} alone" for name in FAULTS_ALONE},
    **{f"tests/faults/test_{name}.py": "services" for name in SERVICES},
    **{f"tests/faults/test_{name}.py": "chat service" for name in ("chat_again", "chat_callers")},
}
# Groups that take longest go first in their folder, so that none is left over at the end.
FIRST = {"chat service", "faults", "services", "recorded_answers alone", "instance", "tests/e2e/test_documentation.py",
         "tests/e2e/test_stop.py"}  # fmt: skip
# Faults measure time, so tests that start no servers run beside them.
ORDER = ("tests/faults", "accounts", "chat", "tests/e2e", "coherence", "companion")


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist is untyped
    """Gives each group of tests to one process, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """Return what a test shares a process with: the tests of its file, and perhaps of others."""
    file = nodeid.partition("::")[0]
    return SHARED.get(file, "faults" if file.startswith("tests/faults/") else file)


def rank(item: pytest.Item) -> tuple[int, bool, bool]:
    """Return a key by which to sort tests, those that shall begin first before others."""
    places = [place for place, folder in enumerate(ORDER) if item.nodeid.startswith(f"{folder}/")]
    # What measures time begins while the process with slow clients waits.
    return (*places, len(ORDER))[0], group(item.nodeid) not in FIRST, item.get_closest_marker("measures") is None
