"""Stores many personalities, in PostgreSQL and in Redis: inside the servers, for there may be a million."""

import json
from typing import Any

import psycopg
from redis import Redis

from benchmarks.subject import CONFIG_KEY, NAME, SECONDS

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
    """The name of one of them, from 1 on."""
    return f"p-{number}"


def store(count: int, environment: dict[str, str]) -> None:
    """So many, each like the subject but for its name, its id and the long texts, which are empty."""
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        _insert(connection, count)
    with Redis.from_url(environment["REDIS_URL"], socket_timeout=60) as client:
        _copy(client, count)


def _insert(connection: "psycopg.Connection[Any]", count: int) -> None:
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
