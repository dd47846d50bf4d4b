"""The unit is one that systemd would load, hardened, and runs what docs/operations.md says."""

import re
from pathlib import Path

import pytest

from tests.deploy.programs import passes, program
from tests.promises import Figure
from tooling.environment import ROOT

UNIT = ROOT / "deploy/companion.service"
EXPOSED_AT_MOST = 2.0  # of 10, by systemd's own count; a unit without hardening has 9.6


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with its programs where this machine has them."""
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace("/opt/companion", str(ROOT)))
    return here


def test_unit__verified_by_systemd__and_hardened(unit: Path, figure: Figure) -> None:
    said = passes(program("systemd-analyze"), "verify", unit)
    security = passes(program("systemd-analyze"), "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"exposure level for \S+: ([\d.]+)", security)
    assert found, security
    exposed = float(found[1])
    figure(
        "C19",
        "systemd unit",
        f"verified without a word, exposure at most {EXPOSED_AT_MOST:g}",
        measured=f"{said.strip() or 'no word'}, {exposed:g}",
        met=not said.strip() and exposed <= EXPOSED_AT_MOST,
    )


def test_unit__mistyped__refused(unit: Path) -> None:
    """Or else the test above would prove nothing."""
    unit.write_text(unit.read_text().replace("Restart=always", "Restart=allways"))
    assert "allways" in passes(program("systemd-analyze"), "verify", unit)
