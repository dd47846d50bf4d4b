"""The history is pruned by its command and by nothing else, and what is removed is written down."""

import subprocess
import sys

import psycopg
import pytest

from tests.faults.environment import Environment
from tests.promises import Figure
from tooling.environment import ROOT

VERSIONS, KEPT = 1500, 10
DELETE = "DELETE FROM personalities_version WHERE personality_id = '{id}'"
MOVE = "UPDATE personalities_version SET personality_id = gen_random_uuid() WHERE personality_id = '{id}'"
OTHER_WAYS = (DELETE, f"SET companion.pruning = 'off'; {DELETE}", f"SET companion.restoring = 'on'; {DELETE}", MOVE)
EDITS = """
DO $$ BEGIN
    FOR serial IN 2..{last} LOOP
        UPDATE personalities_personality SET greeting = serial::text WHERE personality_name = '{name}';
    END LOOP;
END $$
"""
LEFT = "SELECT count(*)::int, max(number) FROM personalities_version WHERE personality_id = %s"
REMOVED = "SELECT sum(removed)::int, min(first), max(last) FROM personalities_pruning WHERE personality_id = %s"


def test_retention__history_of_many_versions__pruned_by_the_command_alone(
    environment: Environment, name: str, figure: Figure
) -> None:
    environment.create(name)
    environment.sql(EDITS.format(name=name, last=VERSIONS))
    ((id,),) = environment.sql("SELECT id FROM personalities_personality WHERE personality_name = %s", name)
    for statement in OTHER_WAYS:
        with pytest.raises(psycopg.errors.RaiseException, match="Cannot update or delete"):
            environment.sql(statement.format(id=id))
    command = [sys.executable, "manage.py", "prune_history", f"--keep={KEPT}", "--older-than=0"]
    dry, real = (
        subprocess.run(command + more, cwd=ROOT, env=environment.variables, check=True, capture_output=True, text=True)
        for more in (["--dry-run"], [])
    )
    (left,), (removed,) = environment.sql(LEFT, id), environment.sql(REMOVED, id)
    figure(
        "B13",
        f"prune_history --keep {KEPT} of {VERSIONS} versions, after {len(OTHER_WAYS)} other ways to remove them",
        f"others refused; {KEPT} left, {VERSIONS - KEPT} removed and written down",
        before="nothing removes a version",
        measured=f"others refused; {left[0]} left, {removed[0]} removed, {removed[1]} to {removed[2]}",
        met=left == (KEPT, VERSIONS) and removed == (VERSIONS - KEPT, 1, VERSIONS - KEPT),
        why=f"{dry.stdout}\n{real.stdout}",
    )
    assert real.stdout == dry.stdout.replace("would be removed", "removed")
