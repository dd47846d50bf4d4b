"""The running service keeps to its OpenAPI schema, whatever schemathesis makes of that: the same thousands of requests
each time. No server error; every status, content type and body as documented; what the schema allows is taken, what it
forbids is refused.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.instance import Instance
from tooling.environment import ROOT

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
# Without NUL, which no schema forbids as briefly as JSON Schema would have it: test_bad_input has it.
BOUNDS = ("--generation-deterministic", "--generation-allow-x00", "false", "--max-examples", "100",
          "--continue-on-failure")  # fmt: skip


@pytest.mark.timeout(600)
def test_service__thousands_of_requests__as_the_schema_says(instance: Instance, tmp_path: Path) -> None:
    with instance.http() as client:
        key = f"Authorization:{client.headers['Authorization']}"
    program = (sys.executable, str(SCHEMATHESIS), "--config-file", str(CONFIG))
    command = [*program, "run", f"{instance.url}/api/schema/?format=json", "-H", key, *BOUNDS]
    env = os.environ | {"SCHEMATHESIS_HOOKS": "tests.contract.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=500)
    print(run.stdout[-20_000:])
    assert run.returncode == 0
    assert re.search(r"Selected: (\d+)/\1\s+Tested: \1\s", run.stdout), "every operation"
