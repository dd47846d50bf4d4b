"""What applications send that do not run here, replayed: each body is answered, and a stream to its end."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.instance import Instance

BODIES = Path(__file__).parent / "bodies"
WITH_SAMPLERS = "jan"  # needs a setting: see test_llama


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the requests of an application: what it is for, the path, the body."""
    requests: list[dict[str, Any]] = json.loads((BODIES / f"{name}.json").read_text())["bodies"]
    return requests


NAMES = sorted(path.stem for path in BODIES.glob("*.json"))
REQUESTS = [
    pytest.param(request, id=f"{name}-{request['what'].replace(' ', '_')}")
    for name in NAMES
    if name != WITH_SAMPLERS
    for request in recorded(name)
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_body__of_an_application__is_answered(companion: Instance, request_: dict[str, Any]) -> None:
    with companion.http() as http:
        answer = http.post(request_["path"], json=request_["body"], timeout=20)
    assert answer.status_code == 200, answer.text
    if request_["body"].get("stream"):
        last = answer.text.rstrip().rpartition("data: ")[2]
        assert last == "[DONE]" or json.loads(last)["type"] == "response.completed"
    else:
        assert "error" not in answer.json() or answer.json()["error"] is None
