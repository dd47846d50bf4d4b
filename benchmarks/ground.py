"""PostgreSQL and Redis of this run, and the service's own tables on them."""

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tooling.environment import ROOT

Environment = dict[str, str]


class Ground:
    """Servers that nobody else uses. `key` is an API key that is valid in every place."""

    def __init__(self) -> None:
        self._ours = {**os.environ, "DJANGO_SETTINGS_MODULE": "companion.settings", "LOG_LEVEL": "WARNING"}
        self._numbers = itertools.count(1)  # of Redis' databases
        _manage(self._ours, "migrate", "--verbosity", "0")
        _manage(self._ours, "seed_personalities", "--verbosity", "0")
        self.key = _manage(self._ours, "create_api_key", "bench").strip()

    def place(self, name: str) -> Environment:
        """The environment of a process in a fresh database, with the seeded personalities, those in Redis too."""
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
    """A management command; what it prints."""
    words = [sys.executable, "manage.py", *command]
    return subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
