"""PostgreSQL and Redis of this run, and what they hold: the service's tables, the personality elara, and others."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from redis import Redis

from tooling.environment import ROOT

NAME = "elara"
ID_KEY = f"personality:global:{NAME}:id"
CONFIG_KEY = f"personality:global:{NAME}:config"
SECONDS = 86_400  # a peer keeps its copy as long as the service does


def stored() -> tuple[str, dict[str, object]]:
    """Return elara's id and configuration, for a peer to keep in its own way."""
    client: Any = Redis.from_url(os.environ["REDIS_URL"])
    with client:
        return json.loads(client.get(ID_KEY)), json.loads(client.get(CONFIG_KEY))


OWN = {
    "id": "lpad(to_hex(number), 32, '0')::uuid",
    "personality_name": "'p-' || number",
    "backstory": "''",  # a million of the long texts would take more room than figures are worth
    "custom_instructions": "''",
}
AT_ONCE = 50_000  # Redis answers nobody else meanwhile
SCRIPT = """
for number = ARGV[1], ARGV[2] do
  local id, name = string.format('00000000-0000-0000-0000-%012x', number), 'p-' .. number
  redis.call('SETEX', 'personality:global:' .. name .. ':id', ARGV[3], '"' .. id .. '"')
  redis.call('SETEX', 'personality:global:' .. name .. ':config', ARGV[3], string.format(ARGV[4], id, name))
end
"""


def filler(number: int) -> str:
    """Return the name of one of many, numbered from 1."""
    return f"p-{number}"


def store(count: int, environment: dict[str, str]) -> None:
    """Store `count` personalities, each like elara but for its name, its id and the long texts, which are empty.

    Both servers make them themselves, for there may be a million.
    """
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        _insert(connection, count)
    with Redis.from_url(environment["REDIS_URL"], socket_timeout=60) as client:
        _copy(client, count)


def _insert(connection: "psycopg.Connection[tuple[object, ...]]", count: int) -> None:
    """Without the triggers: a change log of a million lines is not what is measured."""
    columns = [column.name for column in connection.execute("TABLE personalities_personality").description or ()]
    values = [OWN.get(column, column) for column in columns]
    connection.execute("ALTER TABLE personalities_personality DISABLE TRIGGER USER")
    insert = (
        f"INSERT INTO personalities_personality ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM personalities_personality, generate_series(1, {count}) AS number WHERE personality_name = '{NAME}'"
    )
    connection.execute(insert.encode())
    connection.execute("ANALYZE personalities_personality")


def _copy(client: Any, count: int) -> None:
    """As the service would store them: what it stored of the subject is the pattern."""
    config = json.loads(client.get(CONFIG_KEY)) | {"id": "ID", "personality_name": "NAME"}
    config["custom"] |= {"backstory": None, "custom_instructions": None}
    pattern = json.dumps(config).replace("%", "%%").replace('"ID"', '"%s"').replace('"NAME"', '"%s"')
    for first in range(1, count + 1, AT_ONCE):
        client.eval(SCRIPT, 0, first, min(first + AT_ONCE - 1, count), SECONDS, pattern)


Environment = dict[str, str]


class Servers:
    """Servers that nobody else uses. `key` is an API key that is valid in every environment made here."""

    def __init__(self) -> None:
        self._ours = {**os.environ, "DJANGO_SETTINGS_MODULE": "companion.settings", "LOG_LEVEL": "WARNING"}
        self._numbers = itertools.count(1)  # of Redis' databases
        _manage(self._ours, "migrate", "--verbosity", "0")
        _manage(self._ours, "seed_personalities", "--verbosity", "0")
        self.key = _manage(self._ours, "create_api_key", "bench").strip()

    def environment(self, name: str) -> Environment:
        """Return the variables of a process in a fresh database `name` with the seeded personalities, also in Redis."""
        urls = {key: urlsplit(self._ours[key]) for key in ("DATABASE_URL", "REDIS_URL")}
        postgres, redis = urls["DATABASE_URL"], urls["REDIS_URL"]
        with psycopg.connect(postgres._replace(path="/postgres").geturl(), autocommit=True) as connection:
            names = sql.Identifier(name), sql.Identifier(postgres.path.lstrip("/"))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        fresh = {
            "DATABASE_URL": postgres._replace(path=f"/{name}").geturl(),
            "REDIS_URL": redis._replace(path=f"/{next(self._numbers)}").geturl(),
        }
        _manage(self._ours | fresh, "warm_personality_cache", "--verbosity", "0")
        return self._ours | fresh


def _manage(environment: Mapping[str, str], *command: str) -> str:
    """Run a management command; return what it prints."""
    words = [sys.executable, "manage.py", *command]
    return subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
