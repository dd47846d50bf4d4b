"""The environment of every command: what the shell exports, then `.env`, then secrets that this clone generated."""

import json
import os
import secrets
from pathlib import Path

from companion.env_files import ENV_FILE, EnvFileError, load_env_file, resolve_secret_files
from tooling import Refusal

NO_ENV_FILE = {ENV_FILE: os.devnull}  # for what dev.py starts: `.env` has been read, and tests must not see it
ROOT = Path(__file__).resolve().parent.parent


def var_dir() -> Path:
    """Where data is kept: COMPANION_VAR_DIR, so that two instances can run from one clone, else `var/`."""
    return Path(os.environ.get("COMPANION_VAR_DIR") or ROOT / "var").resolve()


def load_dotenv(file: Path) -> None:
    """Export the variables of `file`, or of COMPANION_ENV_FILE if that is set. What the shell exports wins.

    Raises Refusal if that cannot be read.
    """
    try:
        load_env_file(file)
    except EnvFileError as error:
        raise Refusal(str(error)) from None


def read() -> dict[str, str]:
    """Return the process environment, into which dev.py has already loaded `.env`, with every secret in its variable.

    Raises Refusal if the file of a secret cannot be read.
    """
    # Bytecode is always written, whatever the shell exports: it halves every start but the first.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        resolve_secret_files(env)
    except EnvFileError as error:
        raise Refusal(str(error)) from None
    return env | NO_ENV_FILE


def for_development(env: dict[str, str], host: str = "127.0.0.1") -> dict[str, str]:
    """Return `env` over defaults that suit a developer's machine; `host` is the address the service listens on."""
    named = f"[{host}]" if ":" in host else host  # an IPv6 address is bracketed wherever a port may follow
    hosts = ",".join(dict.fromkeys([named, "127.0.0.1", "localhost", "[::1]"]))
    defaults = {"SECRET_KEY": local_secrets()["secret_key"], "ALLOWED_HOSTS": hosts, "HTTPS_ONLY": "false"}
    defaults |= {"SHUTDOWN_NOTICE_SECONDS": "0"}  # there is no load balancer that Ctrl-C would have to wait for
    chat = {} if env.get("LLM_BASE_URL") else {"CHAT_BACKEND": "console"}
    return defaults | chat | env


def for_tests(env: dict[str, str]) -> dict[str, str]:
    """Return `env` without the developer's own settings, which must not decide whether the tests pass."""
    settings = {line.lstrip("# ").partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines()}
    foreign = settings - {"DATABASE_URL", "REDIS_URL", "PG_BINDIR", "REDIS_SERVER"}
    kept = {name: value for name, value in env.items() if name not in foreign}
    chosen = {"SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "*", "HTTPS_ONLY": "false"}
    return kept | chosen | NO_ENV_FILE


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
