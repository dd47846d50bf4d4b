"""llama.cpp's own server with the tiny model, for as long as a context lasts."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.clients.environments import python
from tooling.processes import ServerSpec, SupervisedServer, free_port

HERE = Path(__file__).parent


class Llama(NamedTuple):
    """A running server."""

    address: str

    @property
    def url(self) -> str:
        """The base URL for OpenAI's clients."""
        return f"{self.address}/v1"

    def busy(self) -> int:
        """Return how many of its slots answer somebody now."""
        slots = httpx.get(f"{self.address}/slots", timeout=20).raise_for_status().json()
        return sum(slot["is_processing"] for slot in slots)

    def is_ready(self) -> bool:
        """Whether it has loaded the model."""
        try:
            return httpx.get(f"{self.address}/health").is_success
        except httpx.TransportError:
            return False


@contextmanager
def running(folder: Path, *shared: str) -> Iterator[Llama]:
    """Write the model into `folder` and serve it, with a context that is `shared` if its size is given."""
    interpreter, model, port = python("clients"), folder / "tiny.gguf", free_port()
    subprocess.run([interpreter, HERE / "tiny_model.py", model], check=True)
    command: list[str | Path] = [interpreter, HERE / "server.py", model, str(port), *shared]
    server = SupervisedServer(ServerSpec("llama.cpp", command, folder / "llama.log"))
    try:
        llama = Llama(f"http://127.0.0.1:{port}")
        assert server.wait_until(llama.is_ready), (folder / "llama.log").read_text()
        yield llama
    finally:
        server.stop()
