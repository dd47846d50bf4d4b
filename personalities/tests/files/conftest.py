from pathlib import Path

import pytest

from personalities.tests.files.commands import export, run


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A directory with the eight seeded personalities."""
    run("seed_personalities")
    export(tmp_path)
    return tmp_path
