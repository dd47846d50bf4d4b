"""The environment of every command: what the shell exports, then `.env`, then secrets that this clone generated."""

import json
import os
import secrets
from pathlib import Path

from tooling import Refusal

ROOT = Path(__file__).resolve().parent.parent


def var_dir() -> Path:
    """Where data is kept: COMPANION_VAR_DIR, so that two instances can run from one clone, else `var/`."""
    return Path(os.environ.get("COMPANION_VAR_DIR") or ROOT / "var").resolve()


def load_dotenv(file: Path) -> None:
    """Export the variables of `file`, or of COMPANION_ENV_FILE if that is set. What the shell exports wins."""
    for name, value in read_dotenv(Path(os.environ.get("COMPANION_ENV_FILE") or file)).items():
        os.environ.setdefault(name, value)


def read_dotenv(file: Path) -> dict[str, str]:
    """Return the variables of a file of NAME=value lines, or none if there is no such file.

    Raises Refusal for any other line that is neither empty nor a comment.
    """
    lines = [line.strip() for line in file.read_text().splitlines()] if file.exists() else []
    numbered = enumerate(lines, start=1)
    return dict(_assignment(number, line) for number, line in numbered if line and not line.startswith("#"))


def _assignment(number: int, line: str) -> tuple[str, str]:
    name, equals, value = line.removeprefix("export ").partition("=")
    name = name.strip()
    if not (equals and name.isidentifier()):
        raise Refusal(f".env: line {number} is not NAME=value")  # the line itself is not shown: it may hold a secret
    return name, _unquoted(value.strip())


def _unquoted(value: str) -> str:
    """Strip one pair of matching quotes."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def read() -> dict[str, str]:
    """Return the process environment, into which dev.py has already loaded `.env`."""
    # Bytecode is always written, whatever the shell exports: it halves every start but the first.
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def for_development(env: dict[str, str], host: str = "127.0.0.1") -> dict[str, str]:
    """Return `env` over defaults that suit a developer's machine; `host` is the address the service listens on."""
    named = f"[{host}]" if ":" in host else host  # an IPv6 address is bracketed wherever a port may follow
    hosts = ",".join(dict.fromkeys([named, "127.0.0.1", "localhost", "[::1]"]))
    defaults = {"SECRET_KEY": local_secrets()["secret_key"], "ALLOWED_HOSTS": hosts, "HTTPS_ONLY": "false"}
    chat = {} if env.get("LLM_BASE_URL") else {"CHAT_BACKEND": "console"}
    return defaults | chat | env


def for_tests(env: dict[str, str]) -> dict[str, str]:
    """Return `env` without the developer's own settings, which must not decide whether the tests pass."""
    settings = {line.lstrip("# ").partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines()}
    foreign = settings - {"DATABASE_URL", "REDIS_URL", "PG_BINDIR", "REDIS_SERVER"}
    kept = {name: value for name, value in env.items() if name not in foreign}
    return kept | {"SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "*", "HTTPS_ONLY": "false"}


def local_secrets() -> dict[str, str]:
    """Return this clone's `secret_key` and `postgres_password`, generated once and kept in `var/`."""
    file = var_dir() / "secrets.json"
    if not file.exists():
        made = {"secret_key": secrets.token_urlsafe(50), "postgres_password": secrets.token_urlsafe(24)}
        write_private(file, json.dumps(made))
    kept: dict[str, str] = json.loads(file.read_text())
    return kept


def write_private(file: Path, text: str) -> None:
    """Replace `file` atomically, readable by its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
    draft.replace(file)
