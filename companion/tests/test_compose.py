"""docker-compose.dev.yml, as far as it can be judged without Docker."""

from typing import Any

import pytest
import yaml
from django.conf import settings

COMPOSE: dict[str, Any] = yaml.safe_load((settings.BASE_DIR / "docker-compose.dev.yml").read_text())
SERVICES = {"postgres", "redis", "app"}


def test_compose__services__three() -> None:
    assert set(COMPOSE["services"]) == SERVICES


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_compose__service__on_loopback_and_with_a_health_check(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["ports"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["healthcheck"]["test"]


def test_compose__secrets__from_the_environment_without_default() -> None:
    text = (settings.BASE_DIR / "docker-compose.dev.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "SECRET_KEY"):
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text


def test_compose__app__waits_until_its_servers_are_healthy() -> None:
    waits = COMPOSE["services"]["app"]["depends_on"]
    assert {name: waits[name]["condition"] for name in waits} == dict.fromkeys(("postgres", "redis"), "service_healthy")
    assert "--reload" in COMPOSE["services"]["app"]["command"]
