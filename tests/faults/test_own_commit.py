"""A process reads its own commit at once, in every thread, through every path of the ORM."""

from collections.abc import Callable, Iterator

from tests.faults.conftest import LONG, Workers
from tests.faults.environment import Environment
from tests.faults.history import Commit, History, Read
from tests.faults.workers import Worker
from tests.promises import Figure

CHANGING = ("save", "save_in_transaction", "update_or_create", "upsert", "update", "bulk_update")
MAKING = ("create", "bulk_create")
DELETING = ("delete", "instance_delete", "raw_delete")
RENAMING = ("rename_by_save", "rename_by_update", "rename_by_bulk_update")
ROUNDS = 30 if LONG else 5

Fresh = Callable[[], str]


def test_own_commit__every_orm_path__read_at_once(
    environment: Environment, workers: Workers, fresh: Fresh, figure: Figure
) -> None:
    """Without notifications, which might come in time by chance."""
    (writer,) = workers(1)
    history = History()
    with environment.no_notifications():
        for _ in range(ROUNDS):
            for commit, own, other in (*changes(writer, fresh()), *deletions(writer, fresh), *renames(writer, fresh)):
                history.commits.append(commit)
                history.reads += [own, other]
    verdict = history.judge(0)
    paths = len((*CHANGING, *MAKING, *DELETING, *RENAMING))
    figure(
        2,
        "a process reads its own commit at once",
        "0 stale",
        measured=f"{verdict} ({paths} paths of the ORM)",
        met=verdict.holds,
        why=verdict.evidence(),
    )


def changes(writer: Worker, name: str) -> Iterator[tuple[Commit, Read, Read]]:
    assert writer.read(name).version is None  # the absence is known, too
    for serial, path in enumerate(("create", *CHANGING), start=1):
        yield writer.write_and_read(path, name, serial)


def deletions(writer: Worker, fresh: Fresh) -> Iterator[tuple[Commit, Read, Read]]:
    for path in DELETING:
        name = fresh()
        assert writer.read(name).version is None
        yield writer.write_and_read("bulk_create", name, 1)
        commit, own, other = writer.write_and_read(path, name, 2)
        yield commit._replace(version=None), own, other


def renames(writer: Worker, fresh: Fresh) -> Iterator[tuple[Commit, Read, Read]]:
    """To a name known to be absent; the old name is judged as well."""
    for path in RENAMING:
        old, new = fresh(), fresh()
        yield writer.write_and_read("create", old, 1)
        assert writer.read(new).version is None
        commit, own, other = writer.write_and_read(path, old, 2, of=new, to=new)
        yield commit._replace(name=new), own, other
        gone = writer.read(old)
        yield commit._replace(version=None), gone, gone
