"""Pruning the history: what goes, what stays, and that there is no other way."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from personalities import pruning
from personalities.models import Personality, Pruning, Version
from tests.database import sql
from tests.e2e import pages

pytestmark = pytest.mark.django_db(transaction=True)
# Versions as the triggers write them, but of earlier times: the time of an existing version cannot be changed.
AN_OLD_ONE = """
INSERT INTO personalities_version (personality_id, number, event, author, note, created_at, state)
SELECT id, %s, 'changed', '', '', now() - interval '1 day' * %s, to_jsonb(p) FROM personalities_personality p
WHERE id = %s
"""
STRANGER = "prune_stranger"


def prune(*options: str) -> str:
    out = StringIO()
    call_command("prune_history", *options, stdout=out)
    return out.getvalue()


@transaction.atomic
def aged(name: str, *days: float, owner: User | None = None) -> Personality:
    """A personality with one version for each of `days`, made so many days ago, as if restored with its history."""
    row = Personality(personality_name=name, owner=owner, version=len(days))
    sql("SET LOCAL companion.restoring = on")
    Personality.objects.bulk_create([row])
    for number, each in enumerate(days, 1):
        sql(AN_OLD_ONE, number, each, row.pk)
    return row


def numbers(row: Personality) -> list[int]:
    return sorted(Version.objects.filter(personality=row.pk).values_list("number", flat=True))


def test_prune__by_age__what_has_been_over_for_so_long() -> None:
    row = aged("elara", 400, 100, 80, 1)
    assert prune("--older-than", "90").splitlines() == [
        f"{row.pk}: 1 from 1 to 1", "1 versions of 1 personalities removed."
    ]  # fmt: skip
    assert numbers(row) == [2, 3, 4]  # the second was current until 80 days ago


def test_prune__by_count__the_newest_stay_of_each() -> None:
    rows = [aged("elara", 9, 8, 7, 6), aged("nova", 5, 4), aged("lyra", 3)]
    prune("--keep", "2")
    assert [numbers(row) for row in rows] == [[3, 4], [1, 2], [1]]


def test_prune__all_that_is_over__the_current_one_stays() -> None:
    row = aged("elara", 9, 8, 7)
    prune("--older-than", "0")
    assert numbers(row) == [3]
    row.greeting = "It goes on."
    row.save()
    assert numbers(row) == [3, 4]


def test_prune__just_over__only_if_told() -> None:
    row = aged("elara", 9, 8)
    row.greeting = "Another."
    row.save()
    prune("--keep", "0")
    assert numbers(row) == [2, 3]  # a conversation may still begin with it
    prune("--keep", "0", "--older-than", "0")
    assert numbers(row) == [3]


def test_prune__of_deleted_ones__nothing_of_them_stays() -> None:
    kept, gone = aged("elara", 9, 8), aged("nova", 9, 8)
    gone_id = gone.pk
    gone.delete()
    prune("--deleted", "--older-than", "0")
    assert (numbers(kept), Version.objects.filter(personality=gone_id).count()) == ([1, 2], 0)


def test_prune__of_erased_owners__what_was_written_under_them(user: User) -> None:
    other = User.objects.create_user("other")
    rows = [aged("elara", 9, 8), aged("nova", 9, 8, owner=user), aged("lyra", 9, 8, owner=other)]
    moved = aged("isla", 9, 8, owner=user)
    Personality.objects.filter(pk=moved.pk).update(owner=other)
    user.delete()
    prune("--erased", "--older-than", "0")
    assert [numbers(row) for row in (*rows, moved)] == [[1, 2], [], [1, 2], [3]]


def test_prune__dry_run__the_same_receipts_and_nothing_removed() -> None:
    row = aged("elara", 9, 8, 7)
    told = prune("--keep", "1", "--dry-run")
    assert numbers(row) == [1, 2, 3]
    assert not Pruning.objects.exists()
    assert prune("--keep", "1") == told.replace("would be removed", "removed")


def test_prune__in_batches__all_of_it_with_receipts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "MAX_REMOVED", 2)
    monkeypatch.setattr(pruning, "BATCH", 2)
    rows = [aged(name, 9, 8, 7, 6) for name in ("elara", "nova", "lyra", "isla", "aria")]
    assert prune("--keep", "1").splitlines()[-1] == "15 versions of 5 personalities removed."
    assert [numbers(row) for row in rows] == [[4]] * 5
    written = sql("SELECT sum(removed), min(first), max(last), min(reason), min(role) FROM personalities_pruning")
    assert written == [(15, 1, 3, "prune_history keep=1", sql("SELECT session_user")[0][0])]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--keep", "0"], "keep=0"),
        (["--older-than", "0"], "older_than=0.0"),
        (["--older-than", "0.5", "--keep", "0", "--erased"], "older_than=0.5 keep=0 erased=True"),
    ],
)
def test_prune__a_bound_of_zero__recorded(options: list[str], reason: str, user: User) -> None:
    aged("elara", 9, 8, owner=user)
    User.objects.all().delete()
    prune(*options)
    assert {pruning.reason for pruning in Pruning.objects.all()} == {f"prune_history {reason}"}


@pytest.mark.parametrize("options", [[], ["--older-than=-1"], ["--older-than=x"], ["--keep=-1"], ["--older-than=nan"]])
def test_prune__nothing_chosen_or_no_number__refused(options: list[str]) -> None:
    with pytest.raises(CommandError):
        prune(*options)


def test_history__another_way_than_the_command__refused() -> None:
    aged("elara", 9, 8)
    for statement in ("DELETE FROM personalities_version", "UPDATE personalities_version SET note = 'x'"):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"):
            sql(statement)
    prune("--keep", "1")
    for statement in ("DELETE FROM personalities_pruning", "UPDATE personalities_pruning SET removed = 0"):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"):
            sql(statement)


@pytest.fixture
def stranger() -> Any:
    """A role with all rights on rows, and none that belong to the owner of the tables."""
    rights = f"ALL ON ALL TABLES IN SCHEMA public TO {STRANGER}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public"
    sql(f"CREATE ROLE {STRANGER}; GRANT {rights} TO {STRANGER}")
    yield STRANGER
    sql(f"DROP OWNED BY {STRANGER}; DROP ROLE {STRANGER}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT personalities_prune_history(ARRAY(SELECT id FROM personalities_version), 'mine')",
        "SET LOCAL companion.pruning = 'on'; DELETE FROM personalities_version",
    ],
)
def test_history__a_role_that_does_not_own_the_tables__refused(stranger: str, statement: str) -> None:
    row = aged("elara", 9, 8)
    with pytest.raises(ProgrammingError, match="permission denied|Cannot update or delete"):
        sql(f"BEGIN; SET LOCAL ROLE {stranger}; {statement}")
    sql("ROLLBACK")
    assert numbers(row) == [1, 2]


@pytest.fixture
def documented_role() -> Iterator[str]:
    """A role with the grants that the documentation names, and no others."""
    (grants,) = [block.code for block in pages.blocks("sql") if "personalities_prune_history" in block.code]
    sql(f"CREATE ROLE {STRANGER}; {grants.replace('some_role', STRANGER)}")
    yield STRANGER
    sql(f"RESET ROLE; DROP OWNED BY {STRANGER}; DROP ROLE {STRANGER}")


def test_prune__a_role_with_the_documented_grants__prunes(documented_role: str) -> None:
    row = aged("elara", 9, 8, 7)
    sql(f"SET ROLE {documented_role}")
    told = prune("--older-than", "0", "--dry-run")
    assert prune("--older-than", "0") == told.replace("would be removed", "removed")
    sql("RESET ROLE")
    assert numbers(row) == [3]


def test_history__a_role_that_was_granted_the_function__may_prune(stranger: str) -> None:
    row = aged("elara", 9, 8)
    sql(f"GRANT EXECUTE ON FUNCTION personalities_prune_history TO {stranger}")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {stranger}")
        cursor.execute("SELECT personalities_prune_history(ARRAY(SELECT id FROM personalities_version), 'mine')")
    assert numbers(row) == [2]
