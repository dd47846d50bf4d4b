"""dev.py run: starts everything, prints one block that says where it is, and leaves nothing behind."""

import argparse
import hashlib
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tooling import Refusal, environment, lock, servers
from tooling.environment import ROOT, var_dir
from tooling.processes import ServerSpec, SupervisedServer, wait

MODELS = """\
Chat answers with the prompt unless .env or the environment names a language model:
  Ollama     LLM_BASE_URL=http://127.0.0.1:11434/v1
             LLM_MODEL=llama3.2
  vLLM       LLM_BASE_URL=http://127.0.0.1:8001/v1   (vllm serve Qwen/Qwen3-8B --port 8001)
             LLM_MODEL=Qwen/Qwen3-8B
  llama.cpp  LLM_BASE_URL=http://127.0.0.1:8080/v1   (llama-server -m model.gguf --port 8080)
             LLM_MODEL=local
  OpenAI     LLM_BASE_URL=https://api.openai.com/v1
             LLM_MODEL=gpt-4.1-mini
             LLM_API_KEY=sk-...
In a container or on another machine, over http: LLM_HTTP_HOSTS=ollama, or a network. See docs/guide/chat.md.
"""


def run(arguments: list[str]) -> int:
    """Run the service and its servers until Ctrl-C; return the service's exit code."""
    options = _parse(arguments)
    env = environment.read()
    demo = _demo_file(env)
    with _owned(env) as hold, _reserved(options.host, options.port) as port:
        python = servers.ensure_python(env, "requirements.txt")
        command = (python, "-m", "tooling.serve", "--host", options.host, "--port", str(port), "--demo", demo)
        with servers.persistent(env, hold) as urls:
            env = environment.for_development(env, options.host) | urls
            spec = ServerSpec("Companion", command, None, cwd=ROOT, environment=env, hold=hold)
            return _serve(spec, f"http://{_address(options.host)}:{port}", demo)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev.py run", epilog=MODELS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000; 0 takes a free one)")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error("--port: 0 to 65535")
    return options


@contextmanager
def _owned(env: dict[str, str]) -> Iterator[list[int]]:
    """Own `var/`, unless both servers are given: then any number of runs may share it."""
    if servers.all_given(env):
        yield []
    else:
        with lock.owning_var() as descriptor:
            yield [descriptor]


@contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Reserve the port that the service will listen on from the start, for making .venv may take minutes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:  # without SO_REUSEPORT, and so refused if anybody listens
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            port = probe.getsockname()[1]
        with socket.socket(family) as keeper:  # shared with the service; never listens itself
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            keeper.bind((host, port))
            yield port
    except OSError as error:
        raise Refusal(f"{host}:{port} cannot be used ({error.strerror}); choose another with --port") from None


def _demo_file(env: dict[str, str]) -> Path:
    """Each database that is given has a file of its own, because it has an administrator of its own."""
    given = env.get("DATABASE_URL")
    return var_dir() / (f"demo-{hashlib.sha256(given.encode()).hexdigest()[:12]}.json" if given else "demo.json")


def _serve(spec: ServerSpec, url: str, demo: Path) -> int:
    server = SupervisedServer(spec)
    try:
        if not server.wait_until(partial(_answers, url), seconds=60):
            raise Refusal("the service did not start; the lines above say why")
        _announce(url, spec, json.loads(demo.read_text()))
        return wait(server.process)
    finally:
        server.stop()


def _announce(url: str, spec: ServerSpec, demo: dict[str, str | None]) -> None:
    env = spec.environment or {}
    if spec.hold:
        lock.announce({"url": url, "urls": {name: env[name] for name in servers.URLS}})
    model = env.get("LLM_BASE_URL") if env.get("CHAT_BACKEND") != "console" else None
    print(banner(url, env["REDIS_URL"], demo, model), flush=True)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=0.2)
    try:
        connection.request("GET", "/livez")
        connection.getresponse()  # any answer will do: the port is ours
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def _address(host: str) -> str:
    """Return the address at which a browser on this machine reaches a server that listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  compared with, not bound to
    return everywhere.get(host, f"[{host}]" if ":" in host else host)


def banner(url: str, redis_url: str, demo: dict[str, str | None], model_url: str | None = None) -> str:
    """Return the block that tells where everything is.

    `demo` holds username, password (None when somebody changed it) and api_key.
    """
    model = model_url or "answers with the prompt; `dev.py run --help` shows how to name a language model"
    password = demo["password"] or "(not known here; reset it with `dev.py manage changepassword admin`)"
    curl = f"curl -H 'Authorization: Bearer {demo['api_key']}'"
    elara = f"{url}/api/v1/personalities/elara/"
    return f"""
Companion is running. Ctrl-C stops everything.
  Web       {url}/
  Admin     {url}/admin/     user {demo["username"]}, password {password}
  API docs  {url}/api/docs/
  Redis     {without_password(redis_url)}
  Chat      {model}
Try:
  {curl} {elara}
  {curl} {elara}id/
  {curl} -X PATCH -H 'Content-Type: application/json' -d '{{"traits": {{"humor_level": 9}}}}' {elara}
"""


def without_password(url: str) -> str:
    """Return a Redis URL without credentials, and without its query, where redis-py accepts them as well."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
