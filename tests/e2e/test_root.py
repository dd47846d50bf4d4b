"""PostgreSQL refuses root: as root it runs as an unprivileged user, and nobody's folders are opened for that."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import processes
from tests.e2e.instance import CONNECT, Instance, dev
from tooling import postgres_binaries

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops rights")


@pytest.fixture
def readable_tmp() -> Iterator[Path]:
    """A temporary folder that every user can walk to, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_root__var_below_private_folders__runs_as_nobody_and_they_stay_private(instance: Instance) -> None:
    inner, outer = instance.var.parents[:2]
    assert [folder.stat().st_mode & 0o777 for folder in (inner, outer)] == [0o700, 0o700]
    assert [folder.stat().st_uid for folder in (inner, outer)] == [0, 0]
    assert processes.uids_of("postgres", instance.processes()) == {pwd.getpwnam("nobody").pw_uid}
    assert instance.is_ready()


def test_root__wheel_below_a_private_folder__lent_a_copy(tmp_path: Path, readable_tmp: Path) -> None:
    """The usual case for root: a clone in /root."""
    bindir = postgres_binaries.find()
    if "site-packages" not in bindir.parts:
        pytest.skip("the wheel is not installed, for PG_BINDIR is set")
    private = tmp_path / "private"
    private.mkdir(0o700)
    (private / "site-packages").symlink_to(bindir.parents[2])
    lent = private / "site-packages" / bindir.relative_to(bindir.parents[2])
    ran = dev("manage", "shell", "-v", "0", "-c", CONNECT, var=tmp_path / "var",
              PG_BINDIR=str(lent), TMPDIR=str(readable_tmp))  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert private.stat().st_mode & 0o777 == 0o700
    assert not [*readable_tmp.iterdir()]
