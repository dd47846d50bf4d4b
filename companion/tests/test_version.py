"""One version, in `companion/__init__.py`; whatever shows it reads it there. /metrics: test_metrics.py."""

import re
import subprocess
import sys
import tomllib

from rest_framework.test import APIClient

from companion import __version__
from tooling.environment import ROOT


def test_version__openapi_schema__says_it() -> None:
    schema = APIClient().get("/api/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()
    assert schema["info"]["version"] == __version__


def test_version__dev_py__prints_it() -> None:
    printed = subprocess.run([sys.executable, "dev.py", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert (printed.stdout, printed.stderr) == (f"Companion {__version__}\n", "")


def test_version__pyproject__takes_it_from_the_package() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in configuration["project"]
    assert configuration["project"]["dynamic"] == ["version"]
    assert configuration["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "companion.__version__"}


def test_version__kubernetes__runs_the_image_of_it() -> None:
    manifests = (ROOT / "deploy/kubernetes/companion.yaml").read_text()
    assert set(re.findall(r"\bimage:.* \S+/companion:(\S+)", manifests)) == {__version__}
