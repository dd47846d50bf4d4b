"""Settings are read once, typed and loud. Each case starts a fresh process, as a deployment does."""

import atexit
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from companion.database_url import checked_database_url
from companion.env_files import ENV_FILE, SECRETS, EnvFileError, read_env_file
from companion.environment import (
    checked_key,
    checked_secret_key,
    secret,
)
from companion.redis_url import split_redis_url
from tooling.processes import free_port

REQUIRED = {
    "COMPANION_ENV_FILE": os.devnull,
    "SECRET_KEY": "abcdefghij" * 5,
    "DATABASE_URL": "postgresql://app:pg-password@db.example/companion",
    "PATH": os.environ["PATH"],
}


# Answers each line of its input from a fork of itself, which has imported only libraries: these take longest.
STARTER = """
import json, os, sys, tempfile
import dj_database_url, django.templatetags.static, environs, msgspec, psycopg_pool

for line in sys.stdin:
    asked, (out, err) = json.loads(line), (tempfile.TemporaryFile(), tempfile.TemporaryFile())
    if not (child := os.fork()):
        break
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    printed = [os.pread(file.fileno(), 1_000_000, 0).decode() for file in (out, err)]
    print(json.dumps([code, *printed]), flush=True)
    out.close(), err.close()
else:
    sys.exit()
os.dup2(out.fileno(), 1), os.dup2(err.fileno(), 2)
os.environ.clear(), os.environ.update(asked["env"])
exec(asked["source"])
"""


@cache
def starter() -> "subprocess.Popen[str]":
    """The process that others are forked from; it ends with the one that tests."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        env=REQUIRED, cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    atexit.register(process.communicate)  # the end of its input is what it waits for
    return process


def start(code: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    """Run `code` in a new process that has read the settings; `env` is all its environment, over REQUIRED."""
    source, parent = f"from companion import settings; {code}", starter()
    assert parent.stdin
    assert parent.stdout
    print(json.dumps({"source": source, "env": REQUIRED | env}), file=parent.stdin, flush=True)
    return subprocess.CompletedProcess(source, *json.loads(parent.stdout.readline()))


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
        ("SIGN_IN_RATE", "30"),
        ("CHAT_KEY_RATE", "often"),
        ("RESPONSES_REMEMBERED_MIB", "-1"),
        ("WEB_WORKERS", "0"),
        ("LOG_LEVEL", "CHATTY"),
        ("LOG_FORMAT", "xml"),
        ("HSTS_SECONDS", "-1"),
        ("HSTS_PRELOAD", "later"),
        ("ALLOWED_HOSTS", "https://companion.example"),
        ("ALLOWED_HOSTS", "a.example b.example"),
        ("ALLOWED_HOSTS", "a.example:8000"),
        ("ALLOWED_HOSTS", "*.example.com"),
        ("TRUSTED_PROXIES", "nginx"),
        ("CSRF_TRUSTED_ORIGINS", "companion.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://companion.example/chat"),
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


@pytest.mark.parametrize("missing", [["SECRET_KEY"], ["DATABASE_URL"], ["SECRET_KEY", "DATABASE_URL"]])
def test_settings__required_ones_missing__all_refused_by_name(missing: list[str]) -> None:
    result = start(**dict.fromkeys(missing, ""))
    assert result.returncode
    assert f"{', '.join(missing)}: required, but not set" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "key", ["k", "hidden" * 8, "x" * 99, "django-insecure-hidden-0123456789-0123456789-0123456789-0123456789"]
)
def test_secret_key__easy_to_guess__refused_with_https_without_showing_it(key: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^SECRET_KEY: too easy to guess") as raised:
        checked_secret_key(key, https_only=True)
    assert "hidden" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert checked_secret_key(key, https_only=False) == key


def test_settings__secret_key_easy_to_guess__not_started_with_https() -> None:
    result = start(SECRET_KEY="hidden")
    assert result.returncode != 0
    assert "SECRET_KEY: too easy to guess" in result.stderr
    assert "hidden" not in result.stderr
    assert start(SECRET_KEY="hidden", HTTPS_ONLY="false").returncode == 0


def test_settings__lists_with_blanks__names_without() -> None:
    result = start(
        "print(settings.ALLOWED_HOSTS, settings.CSRF_TRUSTED_ORIGINS, settings.COMPANION_APPS)",
        ALLOWED_HOSTS=" a.example, [::1] ,,.b.example,",
        CSRF_TRUSTED_ORIGINS="https://a.example, https://*.b.example",
        COMPANION_APPS=" preferences ,",
    )
    assert result.stdout == (
        "['a.example', '[::1]', '.b.example'] ['https://a.example', 'https://*.b.example'] ['preferences']\n"
    )


NORMAL = {
    **{"HTTPS_ONLY": "false", "LOG_FORMAT": "json", "LOG_LEVEL": "ERROR", "CHAT_RATE": "5/minute"},
    **{"DATABASE_POOL_SIZE": "7", "LLM_IDLE_SECONDS": "1.5", "LLM_GREETING": "prompt", "LLM_CONTENT_PARTS": "text"},
    **{"COMPANION_APPS": "preferences", "TRUSTED_PROXIES": "unix,10.0.0.0/8", "LLM_MODEL": "m"},
    **{"DATABASE_URL": "postgresql://a:b@c/d", "REDIS_URL": "redis://127.0.0.1:1/2"},
    "LLM_BASE_URL": "https://llm.example/v1",
}
SHOW_NORMAL = """
names = ("HTTPS_ONLY LOG_FORMAT LOG_LEVEL CHAT_RATE POOL_SIZE LLM_IDLE_SECONDS LLM_GREETING LLM_CONTENT_PARTS "
         "COMPANION_APPS TRUSTED_PROXIES LLM_MODEL REDIS_LOCATION LLM_BASE_URL")
print([*(getattr(settings, name) for name in names.split()), settings.DATABASES["default"]["NAME"]])
"""
WORDS = {
    *("HTTPS_ONLY", "LOG_FORMAT", "LOG_LEVEL", "CHAT_RATE"),
    *("LLM_GREETING", "COMPANION_APPS", "TRUSTED_PROXIES", "LLM_CONTENT_PARTS"),
}


@pytest.mark.parametrize(("before", "after"), [(" ", " "), ("\t", "\t \r\n"), ("", "\n")])
def test_settings__blanks_around_a_value__as_without(before: str, after: str) -> None:
    usual = start(SHOW_NORMAL, **NORMAL)
    blanks = start(SHOW_NORMAL, **{name: f"{before}{value}{after}" for name, value in NORMAL.items()})
    assert (blanks.stdout, blanks.stderr) == (usual.stdout, usual.stderr)
    assert "redis://127.0.0.1:1/2" in usual.stdout


def test_settings__case_of_words__does_not_matter() -> None:
    assert NORMAL.keys() >= WORDS
    upper = {name: value.upper() if name in WORDS else value for name, value in NORMAL.items()}
    title = {name: value.title() if name in WORDS else value for name, value in NORMAL.items()}
    usual = start(SHOW_NORMAL, **NORMAL).stdout
    assert (start(SHOW_NORMAL, **upper).stdout, start(SHOW_NORMAL, **title).stdout) == (usual, usual)


@pytest.mark.parametrize("empty", ["", " "])
def test_settings__empty_value__the_default(empty: str) -> None:
    """But for two lists of which none may be meant."""
    show = "print([(name, text) for name in dir(settings) if ' at 0x' not in (text := repr(getattr(settings, name)))])"
    required = {"SECRET_KEY", "DATABASE_URL", "COMPANION_ENV_FILE", "COMPANION_APPS", "LLM_CONTENT_PARTS"}
    example = (settings.BASE_DIR / ".env.example").read_text()
    names = {*re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE)} - required
    assert {"HTTPS_ONLY", "DATABASE_SECONDS", "CHAT_RATE", "LOG_FORMAT", "REDIS_URL", "LLM_MODEL"} <= names
    ended = start(show, **dict.fromkeys(names, empty))
    assert (ended.stdout, ended.stderr) == (start(show).stdout, "")


@pytest.mark.parametrize("end", [" ", " \r\n", "\n\n"])
def test_settings__blanks_in_the_file_of_an_address__no_part_of_it(tmp_path: Path, end: str) -> None:
    (tmp_path / "database").write_bytes(f" postgresql://a:b@c/name{end}".encode())
    (tmp_path / "redis").write_bytes(f" redis://d:1/2{end}".encode())
    files = {"DATABASE_URL_FILE": str(tmp_path / "database"), "REDIS_URL_FILE": str(tmp_path / "redis")}
    shown = start("print(settings.DATABASES['default']['NAME'], settings.REDIS_LOCATION)", **files, DATABASE_URL="")
    assert shown.stdout == "name redis://d:1/2\n", shown.stderr


def test_settings__hsts__an_hour_for_this_host_unless_told_otherwise() -> None:
    show = "print(*(getattr(settings, f'SECURE_HSTS_{n}') for n in ('SECONDS', 'INCLUDE_SUBDOMAINS', 'PRELOAD')))"
    assert start(show).stdout == "3600 False False\n"
    assert start(show, HTTPS_ONLY="false").stdout == "0 False False\n"
    chosen = {"HSTS_SECONDS": "31536000", "HSTS_INCLUDE_SUBDOMAINS": "true", "HSTS_PRELOAD": "true"}
    assert start(show, **chosen).stdout == "31536000 True True\n"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_settings__secrets_in_files__read_without_their_line_end(tmp_path: Path, end: str) -> None:
    values = {
        "SECRET_KEY": "hidden-key",
        "DATABASE_URL": "postgresql://a:hidden-password@b/c",
        "REDIS_URL": "redis://:hidden-password@d",
        "LLM_API_KEY": "sk-hidden",
        "LLM_HEADERS": "X-Gateway: hidden",
    }
    assert values.keys() == {*SECRETS}
    for name, value in values.items():
        (tmp_path / name).write_bytes(f"{value}{end}".encode())
    files = {f"{name}_FILE": str(tmp_path / name) for name in SECRETS}
    show = (
        "settings.SECRET_KEY, settings.DATABASES['default']['PASSWORD'], settings.REDIS_PASSWORD, "
        "settings.LLM_API_KEY, settings.LLM_SECRET_HEADERS['X-Gateway']"
    )
    result = start(f"print([{show}])", **dict.fromkeys(SECRETS, ""), **files, HTTPS_ONLY="false")
    assert result.stdout == "['hidden-key', 'hidden-password', 'hidden-password', 'sk-hidden', 'hidden']\n", (
        result.stderr
    )


@pytest.mark.parametrize("name", SECRETS)
def test_settings__secret_twice_or_in_no_file__refused_by_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("hidden-one")
    monkeypatch.setenv(name, "hidden-two")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    with pytest.raises(ImproperlyConfigured, match=f"^{name}, {name}_FILE: only one of them may be set$"):
        secret(name)
    monkeypatch.setenv(name, "")
    monkeypatch.setenv(f"{name}_FILE", "/no/such/file")
    with pytest.raises(ImproperlyConfigured, match=f"^{name}_FILE: /no/such/file cannot be read"):
        secret(name)


def test_env_file__nul__refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DEBUG=tr\0ue\n")
    with pytest.raises(EnvFileError, match=r"cannot be read \(it contains NUL\)"):
        read_env_file(tmp_path / ".env")


@pytest.mark.parametrize("end", ["\n", "\r", "\t", " ", "\x7f", "é", "\0"])
def test_key__what_no_header_takes__refused_without_showing_it(end: str) -> None:
    for key in (f"sk-hidden{end}", f"sk-hid{end}den", f"{end}sk-hidden"):
        with pytest.raises(ImproperlyConfigured, match="^LLM_API_KEY: ") as refusal:
            checked_key("LLM_API_KEY", key)
        assert "hid" not in str(refusal.value)


def test_settings__key_with_a_line_end__refused_without_showing_it() -> None:
    result = start(LLM_API_KEY="sk-hidden\n")
    assert "LLM_API_KEY: " in result.stderr.splitlines()[-1]
    assert "hidden" not in result.stderr


@pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql://a:b@c/d"])
def test_settings__another_database__refused(url: str) -> None:
    assert "PostgreSQL is the only database supported" in start(DATABASE_URL=url).stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://a:hidden#@b/c",
        "postgresql://a:hid[den@b/c",
        "hidden",
        "hidden://a@b/c",
        "postgresql://a:hidden@b",
        "postgresql://a:hidden@b:1,c:x/d",
    ],
)
def test_database_url__unclear__refused_without_showing_it(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^DATABASE_URL: ") as refusal:
        checked_database_url(url)
    assert "hid" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "hosts", "ports"),
    [
        ("postgresql://u:p%40@a:1,b:2/db?target_session_attrs=read-write", "a,b", "1,2"),
        ("postgresql://u:p%40@a:1,b.example/db?target_session_attrs=read-write", "a,b.example", "1,"),
        ("postgresql://u:p%40@[::1]:1,[fe80::1]:2/db?target_session_attrs=read-write", "::1,fe80::1", "1,2"),
        ("postgresql://u:p%40@/db?host=a,b&port=1,2&target_session_attrs=read-write", "a,b", "1,2"),
    ],
)
def test_database_url__several_hosts__all_handed_to_libpq(url: str, hosts: str, ports: str) -> None:
    database = checked_database_url(url)
    assert (database["NAME"], database["USER"], database["PASSWORD"]) == ("db", "u", "p@")
    assert database["OPTIONS"] == {"host": hosts, "port": ports, "target_session_attrs": "read-write"}
    assert (database["HOST"], database["PORT"]) == ("", "")


def test_database_url__several_hosts_with_one_port__as_ever() -> None:
    database = checked_database_url("postgresql://u@a,b:6432/db")
    assert (database["HOST"], database["PORT"]) == ("a,b", 6432)


def test_manage__database_cannot_be_used__said_without_traceback_or_password() -> None:
    url = f"postgresql://a:hidden@127.0.0.1:{free_port()}/c"
    refused = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        env=REQUIRED | {"DATABASE_URL": url}, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert refused.returncode == 1
    assert refused.stderr.startswith("companion: the database of DATABASE_URL: ")
    assert refused.stderr.count("\n") == 1
    assert "hidden" not in refused.stderr


def test_env_example__every_variable_that_is_read__stands_in_it() -> None:
    read = {ENV_FILE, *(f"{name}_FILE" for name in SECRETS)}
    for file in [settings.BASE_DIR / "companion" / "settings.py", *(settings.BASE_DIR / "tooling").glob("*.py")]:
        read |= set(
            re.findall(
                r"""(?:\benv(?:\.\w+)?\(|\bsecret\(|env\.get\(|environ\.get\()\s*"([A-Z_]+)\"""", file.read_text()
            )
        )
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
        ("rediss://user:pass@host:6380/2?socket_timeout=1", ("rediss://host:6380/2?socket_timeout=1", "user", "pass")),
        ("redis://user@host", ("redis://host", "user", None)),
        ("unix:///run/redis.sock?db=1", ("unix:///run/redis.sock?db=1", None, None)),
        ("redis://host/0?password=p%40ss&username=u", ("redis://host/0", "u", "p@ss")),
        ("redis://host:1/0?db=2&password=x", ("redis://host:1/0?db=2", None, "x")),
    ],
)
def test_redis_url__credentials__taken_out(url: str, expected: tuple[str, str | None, str | None]) -> None:
    assert split_redis_url(url) == expected


@pytest.mark.parametrize("path", ["", "/", "/0", "/15/", "/x?db=2"])
def test_redis_url__database__taken(path: str) -> None:
    assert split_redis_url(f"redis://host{path}")[0] == f"redis://host{path}"


@pytest.mark.parametrize("path", ["/x", "/0x", "/-1", "/1.5", "/x?socket_timeout=1"])
def test_redis_url__database_is_no_number__refused(path: str) -> None:
    """redis-py would take database 0."""
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL: the number of the database"):
        split_redis_url(f"redis://:secret@host{path}")


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hidden#pw@host/0",
        "redis://:hidden/pw@host/0",
        "redis://:hidden@[::1/0",
        "http://:hidden@host",
        "hidden",
    ],
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
