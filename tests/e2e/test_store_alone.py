"""`python3 dev.py test --apps=` with what the store consists of, in part: its tests pass without the other apps.

All are collected, and so everything is imported that they import. Those run that go to accounts, limits, each endpoint,
rows, copies and commands; none that take long or watch a clock, and none that are marked with apps that they need.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.instance import DEV, OURS, environment
from tooling.environment import ROOT

pytestmark = pytest.mark.timeout(600)  # 80 s of processor time, on two of them
STORE = ("accounts", "personalities", "coherence", "rate_limits", "resilience")
CHOSEN = """
    (accounts or rate_limits or cache or test_matrix or test_read or test_write or test_managers or test_models
    or test_bounds or test_hits or test_signals or test_owned_names or test_commands)
    and not (several_processes or locked_for_15_minutes)
"""
AT_LEAST = 1000  # tests, so that a name that has changed does not leave them out unnoticed


def test_store_alone__its_tests__pass_without_the_other_apps(tmp_path: Path) -> None:
    outer = {name for name in os.environ if name.startswith(("PYTEST_", "COMPANION_"))} - OURS
    env = {name: value for name, value in environment(None, TMPDIR=str(tmp_path)).items() if name not in outer}
    chosen = ["-m", "not apps", "-k", " ".join(CHOSEN.split())]
    command = [*DEV, "test", "--apps=", "-n", "2", "-q", *STORE, *chosen]
    env |= {"COMPANION_ENV_FILE": os.devnull}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=580)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed
    assert int(passed[1]) >= AT_LEAST
    assert "skipped" not in ran.stdout
