"""`python3 dev.py test --apps= personalities coherence`, in part: the store's own tests pass without the other apps.

All are collected, and so everything is imported that they import; those run that go to each endpoint, the manager and
the commands.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.instance import DEV, OURS, environment
from tooling.environment import ROOT

pytestmark = pytest.mark.timeout(300)  # some 25 s on an idle machine
CHOSEN = "test_matrix or test_managers or test_commands"


def test_store_alone__its_tests__pass_without_the_other_apps(tmp_path: Path) -> None:
    outer = {name for name in os.environ if name.startswith(("PYTEST_", "COMPANION_"))} - OURS
    env = {name: value for name, value in environment(None, TMPDIR=str(tmp_path)).items() if name not in outer}
    command = [*DEV, "test", "--apps=", "-n", "0", "-q", "personalities", "coherence", "-k", CHOSEN]
    env |= {"COMPANION_ENV_FILE": os.devnull}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed, " in ran.stdout  # and the rest deselected
    assert "skipped" not in ran.stdout
