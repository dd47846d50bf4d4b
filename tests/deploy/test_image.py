"""The image: small, without root, without a place to write, and with nothing in it but the service."""

import json
from typing import Any

import pytest

from tests.deploy.image import Container, Image
from tests.deploy.service import Service
from tests.promises import Figure
from tests.waiting import wait_until
from tooling.processes import free_port

pytestmark = pytest.mark.timeout(600)  # building it takes two minutes
MEGABYTES = 300
LOOK_AROUND = """
import json, os, pathlib
places = [place for place in ("/", "/tmp", "/opt/companion", "/var/tmp", "/run") if os.access(place, os.W_OK)]
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
print(json.dumps({"user": [os.getuid(), os.getgid(), os.getgroups()], "writable": places,
                  "capabilities": int(status["CapEff"], 16), "no new rights": int(status["NoNewPrivs"])}))
"""


def test_image__size__within_its_bound(image: Image, figure: Figure) -> None:
    size = image.megabytes
    figure("C19", "image", f"at most {MEGABYTES} MB", before="439 MB", measured=f"{size:.0f} MB", met=size <= MEGABYTES)


def test_image__contents__the_service_alone(container: Container) -> None:
    folder = container.root / container.config["WorkingDir"].lstrip("/")
    assert {"manage.py", "companion", "personalities", ".venv"} <= {path.name for path in folder.iterdir()}
    strangers = {".env", ".git", "var", "dev.py", "tests", "tooling", "benchmarks", "deploy", "docs"}
    assert not strangers & {path.name for path in folder.iterdir()}
    assert not [*folder.glob("*/tests")]
    assert not [*(folder / ".venv/bin").glob("pip*")]


def test_container__as_it_runs__user_10001_who_can_write_nowhere(
    service: Service, container: Container, figure: Figure
) -> None:
    found: dict[str, Any] = json.loads(container.run("python3", "-c", LOOK_AROUND))
    assert found == {"user": [10001, 10001, []], "writable": [], "capabilities": 0, "no new rights": 1}
    wait_until(service.is_healthy)
    figure(
        "C19",
        "container as uid 10001, read-only root",
        "migrates, seeds, is ready and healthy",
        before="no image",
        measured=f"ready, healthy, writable: {found['writable'] or 'nothing'}",
        met=True,
    )


def test_container__health_check__fails_where_nobody_listens(container: Container) -> None:
    _, *check = container.config["Healthcheck"]["Test"]
    with pytest.raises(AssertionError, match="refused"):
        container.run(*check, GRANIAN_PORT=str(free_port()))
