"""DATABASE_URL with several hosts, of which the first is away: the service uses the other, with all it needs."""

from urllib.parse import urlsplit

import pytest

from tests.deploy.service import Service
from tests.promises import Figure
from tests.waiting import wait_until
from tooling.processes import free_port

pytestmark = pytest.mark.timeout(600)  # the first test builds the image


def test_postgres__first_host_down__the_second_serves_and_is_followed(
    service: Service, database: str, figure: Figure
) -> None:
    parts = urlsplit(database)
    hosts = f"{parts.hostname}:{free_port()},{parts.hostname}:{parts.port}"
    url = f"postgresql://{parts.username}:{parts.password}@{hosts}{parts.path}?target_session_attrs=read-write"
    other = service.beside(DATABASE_URL=url)
    try:
        with other.started().client() as client:
            wait_until(lambda: client.get("/readyz").json()["changes"] == "followed")
            edited = client.patch("/api/v1/personalities/elara/", json={"greeting": "Hello from the second"})
        ready = other.is_ready()
    finally:
        other.stop()
    figure(
        "C19",
        "PostgreSQL with several hosts, the first down",
        "ready, changes followed, a write 200",
        before="refused at start",
        measured=f"{'ready' if ready else 'not ready'}, followed, {edited.status_code}",
        met=ready and edited.status_code == 200,
    )
