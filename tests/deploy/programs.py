"""Programs that these tests run for real. Nothing is skipped where one is missing: the test fails and says so."""

import subprocess
import sys
from pathlib import Path
from shutil import which

PACKAGES = {
    "buildah": "buildah",
    "caddy": "caddy",
    "debootstrap": "debootstrap",
    "haproxy": "haproxy",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "redis-server": "redis-server",
    "redis-sentinel": "redis-sentinel",
    "systemd-analyze": "systemd",
}


def program(name: str) -> str:
    """Return the path of a program of Debian's."""
    found = which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    assert found, f"{name} is missing: apt-get install {PACKAGES[name]}"
    return found


def from_wheel(name: str) -> str:
    """Return the path of a program of requirements/deploy.txt."""
    return str(Path(sys.executable).with_name(name))


def passes(*command: str | Path, **variables: str) -> str:
    """Run a command that ends by itself and return what it printed. Fails with that if its exit code is not 0."""
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables or None)
    assert ran.returncode == 0, f"{command[0]} ended with {ran.returncode}:\n{ran.stdout}"
    return ran.stdout
