"""dev.py check --mutants: whether the tests of the core notice when its code is wrong.

--minutes N   how long to go on (default 20; 0 until all are done)
--seed N      which mutants come first (default 13)
--bar N       per cent of the mutants that are not equivalent and must be caught (default 98)
PATH …        these files alone
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tooling import environment, servers
from tooling.environment import ROOT
from tooling.processes import foreground


def mutants(arguments: list[str]) -> int:
    """Mutate a copy of this clone and run the tests there, on servers of its own; return 1 below the bar."""
    env = {name: value for name, value in environment.read().items() if name not in servers.URLS}
    python = servers.ensure_python(env, "requirements.txt", "requirements/test.txt", "requirements/mutants.txt")
    with tempfile.TemporaryDirectory(prefix="companion-mutants-") as folder, servers.throw_away(env) as urls:
        copy = _copy(Path(folder) / "companion")
        subprocess.run([python, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", copy], check=True)
        (copy / ".venv").symlink_to(ROOT / ".venv")
        session = environment.var_dir() / "mutants.sqlite"
        session.parent.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [python, "-m", "tooling.mutation", "--session", session, *arguments]
        return foreground(command, environment.for_tests(env) | urls, copy)


def _copy(target: Path) -> Path:
    """Copy what git tracks or would track, so that no mutant ever stands in the clone itself."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target
