"""dev.py docs: the pages of this repository as a site that can be read from disk. Any warning fails the build."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tooling import environment, venv
from tooling.environment import ROOT, var_dir

# Staged as they lie in the repository, so that the links between them are the same here and there.
STAGED = (
    ":(glob)*.md",
    "LICENSE",
    ".env.example",
    "docs/*",
    "deploy/*",
    "coherence/README.md",
    "companion/static/favicon.svg",
)


def docs(arguments: list[str]) -> int:
    """Build the site in `var/docs/site` with zensical; `arguments` go to its `build`. Returns its exit code."""
    python = venv.ensure("requirements/docs.txt")
    place = var_dir() / "docs"
    shutil.rmtree(place, ignore_errors=True)
    _stage(_listed(), place / "source")
    shutil.copy(ROOT / "docs/site/zensical.toml", place)
    command = [str(python), "-m", "zensical", "build", "--strict", *arguments]
    code = subprocess.run(command, cwd=place, env=environment.read()).returncode
    if code == 0:
        shutil.copy(ROOT / ".env.example", place / "site")  # which zensical leaves out, as it does all hidden files
    print(f"docs: {'failed' if code else place / 'site' / 'index.html'}")
    return code


def _listed() -> list[str]:
    """The staged files that Git tracks or would track. Nothing else that happens to lie there is published."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *STAGED]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def _stage(names: Iterable[str], place: Path) -> None:
    """Copy the files to the same paths below `place`."""
    for name in names:
        if (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place / name)
