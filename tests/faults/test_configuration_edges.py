"""What the settings take has to work: numbers at their edges, and what libpq takes in DATABASE_URL."""

from pathlib import Path

import pytest

from tests.faults.environment import Environment, production_service
from tests.promises import Figure

MODEL_SECONDS = ("LLM_CONNECT_SECONDS", "LLM_FIRST_BYTE_SECONDS", "LLM_IDLE_SECONDS", "LLM_TOTAL_SECONDS")
RATES = ("SIGN_IN_RATE", "CHAT_RATE", "CHAT_KEY_RATE")
LEAST = {
    **{"DATABASE_POOL_SIZE": "1", "PERSONALITY_CACHE_SECONDS": "1", "PERSONALITY_NEAR_ENTRIES": "0", "LOG_LEVEL": "-1"},
    **{"PERSONALITY_STALE_IF_ERROR_SECONDS": "0", "WEB_WORKERS": "1", "RESPONSES_REMEMBERED_MIB": "0"},
    **{"HSTS_SECONDS": "0", "SHUTDOWN_GRACE_SECONDS": "0", **dict.fromkeys(MODEL_SECONDS, "0.01")},
    **dict.fromkeys(RATES, "1/9999 days"),
}
MOST = {
    **{"DATABASE_POOL_SIZE": "10000", "DATABASE_SECONDS": "3600", "DATABASE_ADMIN_SECONDS": "3600"},
    **{"PERSONALITY_CACHE_SECONDS": "1000000000", "PERSONALITY_NEAR_ENTRIES": "1000000000", "LOG_LEVEL": "9" * 20},
    **{"PERSONALITY_STALE_IF_ERROR_SECONDS": "1000000000", "WEB_WORKERS": "100000", "REDIS_KEY_PREFIX": "x" * 200},
    **{"RESPONSES_REMEMBERED_MIB": "1000000", "HSTS_SECONDS": "1000000000", **dict.fromkeys(MODEL_SECONDS, "3600")},
    **dict.fromkeys(RATES, "999999/9999 days"),
}


@pytest.mark.parametrize("edge", [LEAST, MOST])
def test_start__edges_of_all_numbers__serves(
    environment: Environment, tmp_path: Path, key: str, figure: Figure, edge: dict[str, str]
) -> None:
    with production_service(environment, key, tmp_path, **edge) as service:
        ready = service.get("/readyz").response
        read = [service.get("/api/v1/personalities/elara/").response.status_code for _ in range(3)]
    figure(
        "C18",
        f"{len(edge)} variables at the {'least' if edge is LEAST else 'most'} that is taken",
        "ready, and lookups are answered",
        before="no most: 10**20 connections were taken, and 10**400 MiB",
        measured=f"{ready.status_code}, {read}",
        met=ready.status_code == 200 and ready.json()["redis"] == "ok" and read == [200] * 3,
        why=ready.text + (tmp_path / "log").read_text()[-3000:],
    )


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("application_name=companion&connect_timeout=9&keepalives=1&keepalives_idle=9", 200, ""),
        ("assume_role=no_such_role", 503, "DATABASE_URL"),
        ("options=-c%20no_such=1", 503, "DATABASE_URL"),
    ],
)
def test_start__parameters_of_the_database__ready_if_requests_have_it_too(
    environment: Environment, tmp_path: Path, key: str, figure: Figure, query: str, code: int, said: str
) -> None:
    """Nobody reads before /readyz is asked; requests and the feed must not differ."""
    url = environment.variables["DATABASE_URL"]
    with production_service(
        environment, key, tmp_path, DATABASE_URL=f"{url}{'&' if '?' in url else '?'}{query}"
    ) as service:
        ready = service.get("/readyz").response
        read = service.get("/api/v1/personalities/elara/").response
    log = (tmp_path / "log").read_text()
    figure(
        "C18",
        f"DATABASE_URL with ?{query}",
        f"/readyz and lookups are {code}, no traceback",
        before="the feed's thread died of a TypeError; ready without a role for requests; DATABASE_URL not named",
        measured=f"{ready.status_code}, {read.status_code}",
        met=ready.status_code == read.status_code == code and said in log and "Traceback" not in log,
        why=f"{ready.text}\n{read.text}\n{log[-3000:]}",
    )
