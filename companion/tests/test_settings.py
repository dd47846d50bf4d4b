"""Settings are read once, typed and loud. Each case starts a fresh process, as a deployment does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from companion.environment import split_redis_url

REQUIRED = {
    "SECRET_KEY": "x" * 50,
    "DATABASE_URL": "postgresql://app:pg-password@db.example/companion",
    "PATH": os.environ["PATH"],
}


def start(code: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    source = f"from companion import settings; {code}"
    return subprocess.run(
        [sys.executable, "-c", source], env=REQUIRED | env, cwd=settings.BASE_DIR, capture_output=True, text=True
    )


def test_settings__required_only__production_defaults() -> None:
    result = start("print(settings.DEBUG, settings.HTTPS_ONLY, settings.ALLOWED_HOSTS, settings.REDIS_ENABLED)")
    assert result.stdout == "False True [] True\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("HTTPS_ONLY", "2"),
        ("REDIS_ENABLED", "on off"),
        ("PERSONALITY_CACHE_SECONDS", "1d"),
        ("PERSONALITY_CACHE_SECONDS", "0"),
        ("PERSONALITY_NEAR_ENTRIES", "-1"),
        ("PERSONALITY_STALE_IF_ERROR_SECONDS", "-5"),
        ("DATABASE_POOL_SIZE", "many"),
        ("CHAT_RATE", "30"),
        ("CHAT_KEY_RATE", "often"),
        ("WEB_WORKERS", "0"),
        ("LOG_LEVEL", "CHATTY"),
    ],
)
def test_settings__value_of_a_wrong_type__refused_by_name(name: str, value: str) -> None:
    result = start(**{name: value})
    assert result.returncode
    assert name in result.stderr.splitlines()[-1]


def test_settings__rate_of_a_key__that_of_a_user_unless_set() -> None:
    show = "print(*settings.CHAT_RATE, *settings.CHAT_KEY_RATE)"
    assert start(show).stdout == "30 60 30 60\n"
    assert start(show, CHAT_RATE="5/hour").stdout == "5 3600 5 3600\n"
    assert start(show, CHAT_RATE="5/hour", CHAT_KEY_RATE="2/hour").stdout == "5 3600 2 3600\n"


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_settings__required_one_missing__refused_by_name(name: str) -> None:
    env = {key: value for key, value in REQUIRED.items() if key != name}
    result = subprocess.run(
        [sys.executable, "-c", "import companion.settings"],
        env=env, cwd=settings.BASE_DIR, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode
    assert name in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql://a:b@c/d"])
def test_settings__another_database__refused(url: str) -> None:
    assert "PostgreSQL is the only database supported" in start(DATABASE_URL=url).stderr


def test_env_example__every_variable_that_is_read__stands_in_it() -> None:
    read = set()
    for file in [settings.BASE_DIR / "companion" / "settings.py", *(settings.BASE_DIR / "tooling").glob("*.py")]:
        read |= set(re.findall(r"""(?:\benv(?:\.\w+)?\(|env\.get\(|environ\.get\()\s*"([A-Z_]+)\"""", file.read_text()))
    documented = set(re.findall(r"^(?:# )?([A-Z_]+)=", (settings.BASE_DIR / ".env.example").read_text(), re.MULTILINE))
    compose = set(re.findall(r"\$\{([A-Z_]+)", (settings.BASE_DIR / "docker-compose.dev.yml").read_text()))
    assert {"SECRET_KEY", "REDIS_URL", "PG_BINDIR", "COMPANION_VAR_DIR"} <= read
    assert read | compose <= documented
    assert documented <= read | compose, "documented, but nobody reads it"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://127.0.0.1:6379/0", ("redis://127.0.0.1:6379/0", None, None)),
        ("redis://:p%40ss@host/1", ("redis://host/1", None, "p@ss")),
        ("rediss://user:pass@host:6380/2?x=1", ("rediss://host:6380/2?x=1", "user", "pass")),
        ("redis://user@host", ("redis://host", "user", None)),
        ("unix:///run/redis.sock?db=1", ("unix:///run/redis.sock?db=1", None, None)),
        ("redis://host/0?password=p%40ss&username=u", ("redis://host/0", "u", "p@ss")),
        ("redis://host:1/0?db=2&password=x", ("redis://host:1/0?db=2", None, "x")),
    ],
)
def test_redis_url__credentials__taken_out(url: str, expected: tuple[str, str | None, str | None]) -> None:
    assert split_redis_url(url) == expected


@pytest.mark.parametrize(
    "url", ["redis://:hidden#pw@host/0", "redis://:hidden/pw@host/0", "http://:hidden@host", "hidden"]
)
def test_settings__unclear_redis_url__refused_without_showing_it(url: str) -> None:
    result = start(REDIS_URL=url)
    assert "REDIS_URL" in result.stderr.splitlines()[-1]
    assert "hidden" not in result.stderr


def test_settings__redis_password__stands_nowhere_but_in_the_password_options() -> None:
    result = start(
        "print([n for n in dir(settings) if 'hidden-pw' in repr(getattr(settings, n)) and n != 'env'])",
        REDIS_URL="redis://:hidden-pw@127.0.0.1:6379/0",
    )
    assert result.stdout == "['CACHES', 'REDIS_CACHE', 'REDIS_PASSWORD']\n"


def test_gitignore__what_holds_secrets__is_ignored() -> None:
    ignored = Path(settings.BASE_DIR / ".gitignore").read_text().split()
    assert {".env", "var/"} <= set(ignored)
