"""The environment of every verb: what the shell exports, then `.env`, then secrets that this clone made for itself."""

import json
import os
import secrets
from pathlib import Path

from tooling.paths import ROOT, VAR


def read() -> dict[str, str]:
    """The shell's variables over those of `.env`, which dev.py has put among them before anything else."""
    # Bytecode is wanted, whatever the shell exports: it halves every start but the first.
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def for_development(env: dict[str, str], host: str = "127.0.0.1") -> dict[str, str]:
    """Settings that make sense on a developer's machine, each overridden by what `env` says."""
    named = f"[{host}]" if ":" in host else host  # an IPv6 address stands in brackets wherever a port may follow
    hosts = ",".join(dict.fromkeys([named, "127.0.0.1", "localhost", "[::1]"]))
    defaults = {"SECRET_KEY": local_secrets()["secret_key"], "ALLOWED_HOSTS": hosts, "HTTPS_ONLY": "false"}
    chat = {} if env.get("LLM_BASE_URL") else {"CHAT_BACKEND": "console"}
    return defaults | chat | env


def for_tests(env: dict[str, str]) -> dict[str, str]:
    """Only what the tests need: a developer's own settings must not decide whether they pass."""
    settings = {line.lstrip("# ").partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines()}
    foreign = settings - {"DATABASE_URL", "REDIS_URL", "PG_BINDIR", "REDIS_SERVER"}
    kept = {name: value for name, value in env.items() if name not in foreign}
    return kept | {"SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "*", "HTTPS_ONLY": "false"}


def local_secrets() -> dict[str, str]:
    """Random secrets of this clone, made once and kept in `var/` for this user's eyes."""
    file = VAR / "secrets.json"
    if not file.exists():
        made = {"secret_key": secrets.token_urlsafe(50), "postgres_password": secrets.token_urlsafe(24)}
        write_private(file, json.dumps(made))
    kept: dict[str, str] = json.loads(file.read_text())
    return kept


def write_private(file: Path, text: str) -> None:
    """Replace `file` in one step, readable by its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
    draft.replace(file)
