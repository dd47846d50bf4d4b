"""What is rolled back is never seen elsewhere; inside a transaction the writer sees what it wrote."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction

from personalities.cache import codec
from personalities.models import Personality
from resilience.transactions import ThisThread
from tests.faults import writes
from tests.faults.conftest import LONG
from tests.faults.random_transactions import NAMES, NOTHING, History, Leak, Onlooker, View, hear, look
from tests.promises import Figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
HISTORIES = 2_000 if LONG else 100
OLD: View = {**NOTHING, "ada": "1"}
NEW: View = {**NOTHING, "ada": "2"}
Kept = Callable[[], View]
Cool = Callable[[bool], None]


@pytest.fixture
def kept(redis: Any) -> Kept:
    """The greetings in Redis, whether they would be believed or not."""

    def read() -> View:
        values = redis.mget([settings.REDIS_KEY_PREFIX + codec.redis_key((None, name)) for name in NAMES])
        return {name: value and json.loads(value)["greeting"] for name, value in zip(NAMES, values, strict=True)}

    return read


@pytest.fixture
def cool(redis: Any, clear_memory: Callable[[], None]) -> Cool:
    """Forgets the copies of this process, and of Redis if so wished."""

    def forget(everything: bool) -> None:
        clear_memory()
        if everything:
            redis.delete(*redis.keys(f"{settings.REDIS_KEY_PREFIX}*"), "-")

    return forget


@pytest.fixture
def onlooker() -> Iterator[Onlooker]:
    with Onlooker() as somebody:
        yield somebody


@pytest.fixture
def old(onlooker: Onlooker) -> None:
    """ada is there, and known."""
    onlooker.allow(NOTHING, OLD)
    writes.create("ada", 1)
    onlooker.allow(OLD)


def test_transaction__random_histories__isolated(onlooker: Onlooker, kept: Kept, cool: Cool, figure: Figure) -> None:
    found = play(HISTORIES, onlooker, kept, cool)
    figure(
        6,
        "rolled back is never seen elsewhere, inside the own writes are",
        f"0 of {HISTORIES:,} random histories",
        measured=f"{'one' if found else 0} ({onlooker.rounds:,} looks from elsewhere meanwhile)",
        met=not found,
        why=found,
    )


def test_transaction__caches_used_inside__histories_find_it(
    onlooker: Onlooker, kept: Kept, cool: Cool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The safeguard taken away: lookups inside read and keep copies like all others."""
    monkeypatch.setattr("coherence.cache.in_transaction", lambda: False)
    monkeypatch.setattr("coherence.cache.this_thread", ThisThread())
    assert play(20, onlooker, kept, cool)


@pytest.mark.usefixtures("old")
def test_transaction__integrity_error_caught_inside__nothing_seen_and_caches_work_again(
    onlooker: Onlooker, kept: Kept, cool: Cool
) -> None:
    """A transaction that PostgreSQL has given up, and Django knows of it."""
    with transaction.atomic():
        writes.save("ada", 2)
        with pytest.raises(IntegrityError):
            writes.create("ada", 3)
        with pytest.raises(DatabaseError):
            look()
        onlooker.see()
        assert kept()["ada"] in (None, "1")
        transaction.set_rollback(True)
    assert look() == OLD
    onlooker.see()
    onlooker.leave()
    cool(True)
    assert [Personality.objects.lookup("ada").source for _ in range(2)] == ["database", "near"]
    assert kept() == OLD


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("write", [writes.raw_sql, writes.save])
@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_transaction__begun_by_hand__isolated(
    onlooker: Onlooker, kept: Kept, cool: Cool, write: Callable[[str, int], None], end: str
) -> None:
    """Django knows nothing of it: its hooks run at once, before the commit."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        write("ada", 2)
        cool(True)
        assert look() == NEW
        onlooker.see()
        assert kept()["ada"] in (None, "1")
        onlooker.allow(OLD, NEW if end == "COMMIT" else OLD)
        cursor.execute(end)
    hear()
    onlooker.allow(NEW if end == "COMMIT" else OLD)
    cool(False)
    assert look() == (NEW if end == "COMMIT" else OLD)


@pytest.mark.usefixtures("old")
def test_transaction__error_after_begin_by_hand__nothing_kept(onlooker: Onlooker, kept: Kept) -> None:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        writes.raw_sql("ada", 2)
        with pytest.raises(IntegrityError):
            writes.create("ada", 3)
        with pytest.raises(DatabaseError):
            look()
        onlooker.see()
        cursor.execute("ROLLBACK")
    assert look() == OLD
    assert kept()["ada"] in (None, "1")


def play(histories: int, onlooker: Onlooker, kept: Kept, cool: Cool) -> str:
    """The first leak, and the steps that lead to it."""
    try:
        for seed in range(histories):
            History(seed, onlooker, kept, cool).run()
    except Leak as leak:
        return "\n".join([str(leak), *leak.__notes__])
    return ""
