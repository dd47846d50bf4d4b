"""PostgreSQL refuses root: as root it runs as an unprivileged user, and nobody's folders are opened for that."""

import os
import pwd
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import processes
from tests.e2e.conftest import Start
from tests.e2e.instance import CONNECT, Instance, dev
from tests.waiting import wait_until
from tooling import postgres

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


@pytest.fixture
def private_wheel(tmp_path: Path, readable_tmp: Path) -> dict[str, str]:
    """The usual case for root is a clone in /root, where nobody else can reach the wheel."""
    bindir = postgres.find()
    if "site-packages" not in bindir.parts:
        pytest.skip("the wheel is not installed, for PG_BINDIR is set")
    (tmp_path / "private").mkdir(0o700)
    (tmp_path / "private" / "site-packages").symlink_to(bindir.parents[2])
    there = tmp_path / "private" / "site-packages" / bindir.relative_to(bindir.parents[2])
    return {"PG_BINDIR": str(there), "TMPDIR": str(readable_tmp)}


def test_root__wheel_below_a_private_folder__lent_a_copy(
    tmp_path: Path, readable_tmp: Path, private_wheel: dict[str, str]
) -> None:
    ran = dev("manage", "shell", "-v", "0", "-c", CONNECT, var=tmp_path / "var", **private_wheel)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700
    assert not [*readable_tmp.iterdir()]


def test_root__interrupted_while_the_copy_is_made__copy_removed(
    launch: Start, tmp_path: Path, readable_tmp: Path, private_wheel: dict[str, str]
) -> None:
    running = launch(tmp_path / "var", extra=private_wheel)
    wait_until(lambda: [*readable_tmp.glob("companion-postgres-*/*")])
    assert running.end_by(signal.SIGINT) == 130
    assert not [*readable_tmp.iterdir()]
