"""LiteLLM's proxy, as its users run it: its own command and configuration, in an environment of its own."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from tooling import servers, venv
from tooling.environment import ROOT, var_dir
from tooling.processes import ServerSpec, SupervisedServer, free_port, tail

REQUIREMENTS = "requirements/litellm.txt"
KEY = "sk-bench"
# What its documentation advises for production; and it needs nothing from the internet to start.
SETTINGS = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
START_SECONDS = 120


@contextmanager
def proxy(model: str) -> Iterator[str]:
    """The address of its chat while it runs, in front of the language model at the base URL `model`."""
    python, port = venv.ensure(REQUIREMENTS, folder=var_dir() / "venvs" / "litellm"), free_port()
    with TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(_config(model)))  # JSON is YAML
        command = (python.with_name("litellm"), "--config", config, "--host", "127.0.0.1", "--port", str(port),
                   "--num_workers", "1", "--telemetry", "False")  # fmt: skip
        spec = ServerSpec("litellm", command, Path(folder) / "log", cwd=ROOT, environment=_environment())
        guarded = SupervisedServer(spec)
        try:
            if not guarded.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/health/liveliness"), START_SECONDS):
                raise RuntimeError(tail(Path(folder) / "log", 40))
            yield f"http://127.0.0.1:{port}/v1/chat/completions"
        finally:
            guarded.stop()


def _environment() -> dict[str, str]:
    """Without our servers, of which it would take PostgreSQL for its own."""
    return {name: value for name, value in os.environ.items() if name not in servers.URLS} | SETTINGS


def _config(model: str) -> dict[str, object]:
    server = {"model": "openai/m", "api_base": model, "api_key": "none"}
    models = [{"model_name": "elara", "litellm_params": server}]
    return {"model_list": models, "general_settings": {"master_key": KEY}}


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
