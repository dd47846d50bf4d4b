"""/readyz on a database that is migrated by its own account, and lacks what the service rests upon."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pgtrigger import registered

from coherence.feed import feed
from coherence.listener import listener
from companion.database_schema import schema
from personalities.models.personality import NAME_CONSTRAINT
from resilience.clock import clock
from tests.database import sql

TABLE = "personalities_personality"
DROP_TRIGGERS = f"""
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = '{TABLE}'::regclass AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON {TABLE}', name);
    END LOOP;
END $$
"""


@pytest.mark.parametrize(
    ("damage", "missing"),
    [
        (DROP_TRIGGERS, "trigger keep_new of"),
        (f"ALTER TABLE {TABLE} DISABLE TRIGGER USER", "(6 in all)"),
        (f"ALTER TABLE {TABLE} RENAME TO elsewhere", f"primary key of {TABLE}"),
        ("ALTER TABLE accounts_apikey DROP CONSTRAINT accounts_apikey_pkey", "primary key of accounts_apikey"),
        (f"ALTER TABLE {TABLE} DROP CONSTRAINT {NAME_CONSTRAINT}", f"unique index {NAME_CONSTRAINT} of {TABLE}"),
        ("DROP TABLE coherence_milestone", "primary key of coherence_milestone"),
        ("DROP FUNCTION coherence_note(text)", "function public.coherence_note(text)"),
        ("DROP FUNCTION coherence_timeline()", "function public.coherence_timeline()"),
        ("DROP SEQUENCE coherence_number", "sequence public.coherence_number"),
    ],
)
def test_readyz__something_is_missing__503_and_logged_once(
    db: None, caplog: pytest.LogCaptureFixture, damage: str, missing: str
) -> None:
    """Also once it was ready, for a running service loses triggers too. A stranger is not told which."""
    assert Client().get("/readyz").status_code == 200
    assert not schema.is_reported
    sql(damage)
    for _ in range(2):
        response = Client().get("/readyz")
        assert (response.status_code, response.json()["status"]) == (503, "not ready")
        assert response.json()["postgresql"] == "incomplete"
        assert TABLE not in response.content.decode()
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("companion")]
    assert missing in line


def test_readyz__any_trigger_is_off__503(db: None) -> None:
    """Whichever way migrations made it, so that a new one is covered too."""
    for table, name in sql("SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal"):
        sql(f'ALTER TABLE {table} DISABLE TRIGGER "{name}"')
        assert Client().get("/readyz").json()["postgresql"] == "incomplete", (table, name)
        sql(f'ALTER TABLE {table} ENABLE TRIGGER "{name}"')
    assert Client().get("/readyz").json()["postgresql"] == "ok"


def test_readyz__role_of_few_rights__ready(db: None) -> None:
    sql("CREATE ROLE modest")
    sql("GRANT SELECT ON django_migrations TO modest")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE modest")
        assert Client().get("/readyz").json()["postgresql"] == "ok"
        cursor.execute("RESET ROLE")


def test_readyz__ready__asks_postgresql_once(db: None, django_assert_num_queries: Any) -> None:
    Client().get("/readyz")
    with django_assert_num_queries(1):
        assert Client().get("/readyz").json()["status"] == "ready"


def test_readyz__change_log_never_followed__503(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a role that may not, for example. Once it was followed, PostgreSQL answers lookups in any case."""
    listener.stop()
    monkeypatch.setattr(listener, "ensure", lambda: None)
    monkeypatch.setattr(feed, "last_synced", float("-inf"))
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "not ready")
    assert (response.json()["postgresql"], response.json()["changes"]) == ("ok", "not followed")
    monkeypatch.setattr(feed, "last_synced", clock() - 3600)
    assert Client().get("/readyz").json()["status"] == "ready"


def definitions() -> list[tuple[str, ...]]:
    return sql("SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname") or []


def test_triggers__dropped_or_disabled__brought_back_as_operations_say(db: None) -> None:
    before = definitions()
    for model, trigger in registered():
        sql(f'DROP TRIGGER "{trigger.get_pgid(model)}" ON {model._meta.db_table}')
    sql(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
    call_command("pgtrigger", "install")
    assert Client().get("/readyz").json()["postgresql"] == "incomplete"
    sql(f"ALTER TABLE {TABLE} ENABLE TRIGGER USER")
    assert Client().get("/readyz").json()["postgresql"] == "ok"
    assert definitions() == before
