"""One running service, and its OpenAPI document as programs fetch it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.instance import Instance


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A service of the module's own, whose limit is not what is looked at."""
    var = tmp_path_factory.mktemp("instance") / "var"
    running = Instance(var, extra={"CHAT_RATE": "100000/second"})
    try:
        yield running.wait_for_block()
    finally:
        running.stop()


@pytest.fixture
def document(instance: Instance, tmp_path: Path) -> Path:
    """The document as a file."""
    file = tmp_path / "openapi.json"
    with instance.http() as client:
        file.write_bytes(client.get("/api/schema/?format=json").raise_for_status().content)
    return file


@pytest.fixture
def access(instance: Instance) -> dict[str, str]:
    """Where the service is and a key for it, as the programs in the folders here read them."""
    key = re.search(r"Bearer (\w[\w-]*)", instance.curls[0])
    assert key
    return {"COMPANION_URL": instance.url, "COMPANION_KEY": key[1]}
