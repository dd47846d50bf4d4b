"""Somebody else writes while files are imported: no edit is lost unseen."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection, transaction

from personalities.models import Personality
from personalities.tests.files.commands import edit, imported, put
from tests.database import somebody_waits
from tests.waiting import MAX_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Begin = Callable[[Path], "Future[Any]"]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """A function that starts an import in a thread and returns as soon as that waits for another writer."""
    with ThreadPoolExecutor(1) as threads:

        def start(directory: Path) -> "Future[Any]":
            future = threads.submit(_import, directory)
            wait_until(lambda: somebody_waits() or future.done())
            return future

        yield start


def _import(directory: Path) -> Any:
    try:
        return imported(directory)
    finally:
        connection.close()


def test_import__row_is_being_edited__waits_and_reports_what_it_replaces(exported: Path, begin: Begin) -> None:
    edit(exported, "elara", greeting="From the file.")
    with transaction.atomic():
        Personality.objects.filter(personality_name="elara").update(greeting="From the admin.", humor_level=0)
        future = begin(exported)
    changes = {change["field"]: change["from"] for change in future.result(MAX_SECONDS)["changed"]["elara"]}
    assert changes == {"greeting": "From the admin.", "traits.humor_level": 0}
    assert Personality.objects.get_config("elara").greeting == "From the file."


def test_import__name_is_made_meanwhile__refused_whole(exported: Path, begin: Begin) -> None:
    edit(exported, "elara", greeting="From the file.")
    put(exported, "mira")
    put(exported, "abe")
    with transaction.atomic():
        Personality.objects.create(personality_name="mira", greeting="From the admin.")
        future = begin(exported)
    with pytest.raises(CommandError, match="Nothing was written"):
        future.result(MAX_SECONDS)
    assert Personality.objects.get_config("mira").greeting == "From the admin."
    assert Personality.objects.get_config("elara").greeting != "From the file."
    assert not Personality.objects.filter(personality_name="abe").exists()


def test_dry_run__row_is_being_edited__waits_for_nobody(exported: Path) -> None:
    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        Personality.objects.filter(personality_name="elara").update(greeting="From the admin.")
        assert len(threads.submit(_dry_run, exported).result(MAX_SECONDS)["unchanged"]) == 8


def _dry_run(directory: Path) -> Any:
    try:
        return imported(directory, "--dry-run")
    finally:
        connection.close()
