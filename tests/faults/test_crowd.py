"""Another process sees every change of one commit that changes very many rows."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.faults.conftest import LONG, Workers
from tests.faults.environment import Environment
from tests.faults.history import pretty
from tests.faults.scenarios import BOUND
from tests.faults.test_paths import noticed
from tests.promises import Figure

MANY = 10_500
ROUNDS = 3 if LONG else 1
TABLE = "personalities_personality"
COLUMNS = f"""
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = '{TABLE}'::regclass AND attnum > 0 AND attname NOT IN ('id', 'personality_name')
"""
COPY = f"""
INSERT INTO {TABLE} (id, personality_name, {{columns}})
SELECT gen_random_uuid(), personality_name || '-' || to_char(i, 'FM00000'), {{columns}}
FROM {TABLE}, generate_series(1, {MANY}) i WHERE personality_name = %s
"""


@pytest.fixture
def crowd(environment: Environment, name: str) -> Iterator[list[str]]:
    """Very many personalities, of which the log says nothing; five of their names, the first and the last among them.

    Their lines leave the log with them: a new process reads only so many, and asks the log about what is older.
    """
    environment.create(name)
    with psycopg.connect(environment.postgres.url, autocommit=True) as silent:
        silent.execute("SET session_replication_role = replica")  # no triggers in this session
        silent.execute(COPY.format(columns=environment.sql(COLUMNS)[0][0]).encode(), [name])
        yield [f"{name}-{number:05}" for number in (1, 2, MANY // 2, MANY - 1, MANY)]
        silent.execute(f"DELETE FROM {TABLE} WHERE personality_name LIKE %s".encode(), [f"{name}-%"])
        environment.create(f"{name}-last")  # or the log would seem to be an older backup
        silent.execute(b"DELETE FROM coherence_change WHERE key LIKE %s", [f"personality:global:{name}-%"])


def test_paths__one_commit_of_very_many_rows__each_seen_elsewhere(
    environment: Environment, workers: Workers, crowd: list[str], figure: Figure
) -> None:
    """Repeated, for what is remembered of one commit must not hide what is lost of the next."""
    (reader,) = workers(1)
    environment.sql("SELECT coherence_note('*')")  # as after clear_personality_cache: nothing else is remembered
    prefix = crowd[0].removesuffix("00001")
    seconds = []
    for serial in range(2, ROUNDS + 2):
        for name in crowd:
            reader.read(name)
        commit = environment.writer.write("raw_sql_many", prefix, serial)
        seconds.append(noticed(reader, commit, dict.fromkeys(crowd, serial)))
    figure(
        3,
        f"one commit that changes {MANY} rows",
        f"each row within {BOUND} s",
        measured=f"{sum(taken <= BOUND for taken in seconds)} of {ROUNDS} such commits, slowest {pretty(max(seconds))}",
        met=max(seconds) <= BOUND,
        why=f"seconds until five sampled rows were seen: {seconds} (5: given up)",
    )
