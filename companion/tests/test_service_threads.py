"""A thread that serves its process survives errors of the operating system."""

import errno
from threading import Event

import pytest

from companion import service_threads
from companion.service_threads import failures, start_service


def test_service__errors_in_a_row__goes_on_counted_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service_threads, "PAUSE_SECONDS", 0.01)
    errors, worked, over = [OSError(errno.EMFILE, "Too many open files")] * 3, Event(), Event()

    def turn() -> None:
        if errors:
            raise errors.pop()
        worked.set()
        over.wait()

    start_service("of a test", turn)
    assert worked.wait(10)
    assert failures.by_thread["of a test"] == 3
    assert [text for text in caplog.messages if "Too many open files" in text] == [
        "The thread 'of a test' goes on after an error: [Errno 24] Too many open files"
    ]
