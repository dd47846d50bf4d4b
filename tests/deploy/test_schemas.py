"""compose.yml and the manifests keep to the schemas of the programs that read them, and to what they promise."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deploy.programs import from_wheel, passes
from tests.promises import Figure
from tooling.environment import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
OBJECTS: dict[str, dict[str, Any]] = {
    found["kind"]: found for file in MANIFESTS for found in yaml.safe_load_all(file.read_text())
}
KUBERNETES = ("1.25", "1.31", "1.37")
POD: dict[str, Any] = OBJECTS["Deployment"]["spec"]["template"]["spec"]
CONTAINERS = [*POD["initContainers"], *POD["containers"]]
SECRETS = {"SECRET_KEY_FILE", "DATABASE_URL_FILE", "REDIS_URL_FILE"}


def test_compose__schema_of_compose_spec__kept(figure: Figure, tmp_path: Path) -> None:
    checker = (from_wheel("check-jsonschema"), "--builtin-schema", "vendor.compose-spec")
    said = passes(*checker, DEPLOY / "compose.yml", ROOT / "docker-compose.dev.yml")
    broken = tmp_path / "compose.yml"
    broken.write_text((DEPLOY / "compose.yml").read_text().replace("healthcheck:", "health_check:"))
    with pytest.raises(AssertionError, match="health_check"):
        passes(*checker, broken)
    figure("C19", "compose.yml", "valid by compose-spec's schema", measured=said.strip(), met=True)


def test_manifests__schemas_of_kubernetes__kept(figure: Figure, tmp_path: Path) -> None:
    checker = (from_wheel("kubernetes-validate"), "--strict", "-k")
    for version in KUBERNETES:
        passes(*checker, version, *MANIFESTS)
    broken = tmp_path / "broken.yaml"
    broken.write_text(MANIFESTS[0].read_text().replace("readinessProbe:", "readynessProbe:"))
    with pytest.raises(AssertionError, match="readynessProbe"):
        passes(*checker, KUBERNETES[-1], broken)
    kinds = ", ".join(OBJECTS)
    figure("C19", "Kubernetes manifests", "valid by its strict schemas", measured=f"{kinds}: {KUBERNETES}", met=True)


def test_compose__services__start_again_are_checked_and_only_the_proxy_is_published() -> None:
    services = dict(COMPOSE["services"])
    assert services.pop("migrate")["restart"].startswith("on-failure")
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    checked = {name for name, service in services.items() if "healthcheck" in service}
    assert checked == services.keys() - {"app"}  # whose check is the image's


def test_compose__new_service__proxy_starts_again_and_finds_its_address() -> None:
    """nginx looks the address up when it starts, and never again."""
    assert COMPOSE["services"]["proxy"]["depends_on"]["app"] == {"condition": "service_healthy", "restart": True}


def test_compose__passwords__in_files_without_default() -> None:
    text = (DEPLOY / "compose.yml").read_text()
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    assert COMPOSE["services"]["app"]["environment"].keys() >= SECRETS
    assert not [line for line in text.splitlines() if "PASSWORD:" in line or "SECRET_KEY:" in line]
    assert "PASSWORD:-" not in text


def test_manifests__containers__locked_down() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] == 10001
    for container in CONTAINERS:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} == container["resources"].keys()


def test_manifests__secrets__files() -> None:
    assert OBJECTS["ConfigMap"]["data"].keys() >= SECRETS
    folder = {Path(OBJECTS["ConfigMap"]["data"][name]).parent for name in SECRETS}
    mounts = {Path(mount["mountPath"]) for container in CONTAINERS for mount in container["volumeMounts"]}
    assert folder < mounts
    assert "Secret" not in OBJECTS
    assert "secretKeyRef" not in json.dumps(OBJECTS)


def test_manifests__rolling_update__no_pod_leaves_before_another_is_ready() -> None:
    (service,) = POD["containers"]
    assert service["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert service["livenessProbe"]["httpGet"]["path"] == service["startupProbe"]["httpGet"]["path"] == "/livez"
    assert OBJECTS["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert OBJECTS["PodDisruptionBudget"]["spec"]["minAvailable"] < OBJECTS["Deployment"]["spec"]["replicas"]
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selected in (
        OBJECTS["Service"]["spec"]["selector"],
        OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selected.items() <= labels.items()
    slept = int(service["lifecycle"]["preStop"]["exec"]["command"][1])
    assert slept < POD["terminationGracePeriodSeconds"]


def test_documentation__secrets__made_as_compose_wants_them(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(mkdir .*?)```", (ROOT / "docs/deployment.md").read_text(), re.DOTALL)
    subprocess.run(["sh", "-e", "-c", block], cwd=tmp_path, check=True)
    made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {f"./secrets/{name}" for name in made}
    assert len(made["secret_key"]) >= 50
    assert urlsplit(made["database_url"]).password == made["postgres_password"]
    assert urlsplit(made["redis_url"]).password == made["redis_password"]
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
