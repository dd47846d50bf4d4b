"""How tests are spread over processes: what shares a costly fixture stays together, and what waits most goes first."""

from pathlib import PurePath

import pytest

# Files that share a session's fixture; every other file is a group of its own.
INSTANCE = ("chat", "foreground", "hot_read", "manage", "no_lost_edit", "redis_contract", "root", "run", "second_run")
SHARED = {
    **{f"tests/e2e/test_{name}.py": "instance" for name in (*INSTANCE, "urls_given")},
    **{f"tests/faults/test_{name}.py": "chat service" for name in ("chat_again", "chat_callers")},
}
# Groups that take longest go first in their folder, so that none is left over at the end.
FIRST = {"chat service", "faults", "instance", "tests/e2e/test_documentation.py", "tests/e2e/test_stop.py"}
# Faults measure time, so tests that start no servers run beside them.
ORDER = ("tests/faults", "accounts", "chat", "coherence", "companion", "tests/e2e")


def distribute(items: list[pytest.Item]) -> None:
    """Sort `items`, and mark each with the group that one process runs (pytest --dist=loadgroup)."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_rank)


def _group(item: pytest.Item) -> str:
    if "environment" in getattr(item, "fixturenames", ()) and _file(item).startswith("tests/faults"):
        return "faults"
    return SHARED.get(_file(item), _file(item))


def _rank(item: pytest.Item) -> tuple[int, bool]:
    places = [place for place, folder in enumerate(ORDER) if _file(item).startswith(f"{folder}/")]
    return (*places, len(ORDER))[0], _group(item) not in FIRST


def _file(item: pytest.Item) -> str:
    return PurePath(item.nodeid.partition("::")[0]).as_posix()
