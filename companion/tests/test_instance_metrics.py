"""What a worker publishes for the others while it is asked, and publishes every second, in two threads."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from chat.metrics import counts
from companion.instance_metrics import Family, Workers, _read

SECONDS = 1.0


def retries(families: list[Family]) -> float:
    return next(samples[0][2] for name, _, _, samples in families if name == "companion_chat_retries")


def test_publish__by_two_threads__never_less_than_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker that reads what is published would say so, and the counter go back."""
    monkeypatch.setattr(counts, "retries", 0)
    workers, over = Workers(tmp_path / "workers"), monotonic() + SECONDS

    def publish() -> None:
        while monotonic() < over:
            workers.publish()

    with closing(workers._life), closing(workers._asked), ThreadPoolExecutor(1) as threads:
        threads.submit(publish)
        while monotonic() < over:
            counts.retries += 1
            told = retries(workers.publish())
            assert retries(_read(workers.directory / f"{workers.name}.json")) >= told
