"""The image of deploy/Dockerfile, built without a registry, and its programs run as a container would run them.

Debian's own Python, by debootstrap, stands in for the base that the Dockerfile pins. There is no daemon: buildah
builds, and a program runs as the image's user in the image's file system (chroot), all of which is read-only. What is
made lies in `var/deploy`, where the base is kept for the next time.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.deploy.programs import passes, program
from tooling.environment import ROOT, var_dir

PLACE = var_dir() / "deploy"
SUITE, PACKAGES = "bookworm", "python3,python3-venv,ca-certificates"
# What Debian's slim images leave out.
LEFT_OUT = [f"--exclude=./usr/share/{name}/*" for name in ("doc", "info", "locale", "man")]
LEFT_OUT += ["--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*"]
CERTIFICATES = (
    "/etc/ssl/certs:/etc/ssl/certs:ro"  # for machines whose packages come through a proxy with one of its own
)
# The first argument becomes the root, a mount of its own that is read-only; the others are for chroot.
ISOLATE = """
mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount -o remount,bind,ro "$0" || exit 125
exec setpriv --no-new-privs chroot --userspec="$@"
"""


def _buildah(*arguments: str | Path) -> str:
    where = ("--root", PLACE / "storage", "--runroot", PLACE / "run", "--storage-driver", "vfs")
    return passes(program("buildah"), *where, *arguments)


def build() -> "Image":
    """Build the image from this clone."""
    PLACE.mkdir(parents=True, exist_ok=True)
    if "localhost/python" not in _buildah("images", "--format", "{{.Name}}"):
        _build_base()
    build = ("--isolation", "chroot", "--format", "docker", "--volume", CERTIFICATES)
    file = ("--ignorefile", ROOT / "deploy/Dockerfile.dockerignore", "--file", ROOT / "deploy/Dockerfile")
    _buildah("build", *build, "--build-arg", "PYTHON=localhost/python", "--tag", "localhost/companion", *file, ROOT)
    return Image()


def _build_base() -> None:
    root, folder = PLACE / "python", PLACE / "base"
    shutil.rmtree(root, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    passes(program("debootstrap"), "--variant=minbase", f"--include={PACKAGES}", SUITE, root)
    passes("tar", "--directory", root, *LEFT_OUT, "--create", "--file", folder / "python.tar", ".")
    shutil.rmtree(root)
    (folder / "Dockerfile").write_text("FROM scratch\nADD python.tar /\n")
    _buildah("build", "--isolation", "chroot", "--tag", "localhost/python", folder)
    shutil.rmtree(folder)


class Image:
    """The built image."""

    @cached_property
    def config(self) -> dict[str, Any]:
        """What it says about how it is to be run: `Cmd`, `Env`, `User`, `Healthcheck`, …"""
        found: dict[str, Any] = json.loads(_buildah("inspect", "--type", "image", "localhost/companion"))
        return dict(found["Docker"]["config"])

    @property
    def megabytes(self) -> float:
        """Its size, the base included."""
        found = json.loads(_buildah("images", "--json", "localhost/companion"))
        return float(found[0]["size"].split()[0])

    @contextmanager
    def container(self) -> Iterator["Container"]:
        """Make a container, and delete it at the end."""
        name = _buildah("from", "--pull-never", "localhost/companion").strip()
        try:
            root = Path(_buildah("mount", name).strip())
            (root / "run/secrets").mkdir()
            yield Container(self.config, root)
        finally:
            _buildah("rm", name)


class Container:
    """The image's files at `root`, in which programs run as the image's user and cannot write anywhere."""

    def __init__(self, config: dict[str, Any], root: Path) -> None:
        self.config, self.root = config, root

    def command(self, *arguments: str, **variables: str) -> list[str | Path]:
        """Return a command of this machine that becomes the program `arguments` in the container."""
        given = [*self.config["Env"], *(f"{name}={value}" for name, value in variables.items())]
        inside = ["/usr/bin/env", "--ignore-environment", f"--chdir={self.config['WorkingDir']}", *given, *arguments]
        isolated = ["unshare", "--mount", "sh", "-c", ISOLATE, self.root, self.config["User"], self.root]
        return [*isolated, *inside]

    def secret(self, name: str, value: str) -> str:
        """Mount a secret as Kubernetes does, for the image's user alone; return its path in the container."""
        file = self.root / "run/secrets" / name
        file.write_text(value + "\n")
        file.chmod(0o400)
        os.chown(file, *map(int, self.config["User"].split(":")))
        return f"/run/secrets/{name}"

    def run(self, *arguments: str, **variables: str) -> str:
        """Run a program that ends by itself and return what it printed. Fails with that if its exit code is not 0."""
        return passes(*self.command(*arguments, **variables))

    def is_healthy(self, port: int) -> bool:
        """Whether the image's own health check passes for a service on this port."""
        kind, *check = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return subprocess.run(self.command(*check, GRANIAN_PORT=str(port)), capture_output=True).returncode == 0
