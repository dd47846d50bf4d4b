"""Promise C15: probes are answered however they ask, and tell a stranger nothing."""

from pathlib import Path

import httpx

from tests.faults.environment import Environment, production_service
from tests.promises import Figure

PROBES = {"/livez": 200, "/readyz": 200, "/metrics": 401}  # with the status for a stranger
HOSTS = ("10.1.2.3:8000", "[fe80::1]", "evil.example")


def test_probes__by_address_over_http__answered(environment: Environment, tmp_path: Path, figure: Figure) -> None:
    key = environment.writer.ask("issue", count=1)[0]
    settings = {"ALLOWED_HOSTS": "companion.example", "HTTPS_ONLY": "true"}
    with production_service(environment, key, tmp_path, **settings) as service:
        with httpx.Client(base_url=service.url, trust_env=False) as stranger:
            told = {path: {stranger.get(path, headers={"Host": host}).status_code for host in HOSTS} for path in PROBES}
        scraped = {service.client.get("/metrics", headers={"Host": host}).status_code for host in HOSTS}
    figure(
        "C15",
        f"/livez, /readyz and /metrics over HTTP as {', '.join(HOSTS)}",
        "200, 200, and 401 or with a key 200",
        before="400, 400, 301",
        measured=f"{told}, with a key {scraped}",
        met=told == {path: {status} for path, status in PROBES.items()} and scraped == {200},
    )
