"""The thread that keeps a process's change feed in touch with PostgreSQL."""

import logging
import os
import threading
import time
from contextlib import closing, suppress
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, connections
from psycopg_pool import ConnectionPool

from coherence import change_log
from coherence.feed import ChangeFeed, feed
from resilience.database import DeadlineConnection, answer_within, is_deadline_over, own_parameters

logger = logging.getLogger(__name__)

# How often the log is polled when no notification comes. The feed is as old as the question whose answer it has, so it
# stays in touch while POLL_SECONDS and two answers take less than feed.IN_TOUCH_SECONDS. Where PostgreSQL takes longer,
# or a pruning comes in between, readers wait for the next answer.
POLL_SECONDS = 0.75
ANSWER_SECONDS = 0.35  # how long PostgreSQL may take to answer
# How long to wait for our own connection before polling over the pool. The sum of all three is still shorter than
# feed.IN_TOUCH_SECONDS.
FALLBACK_DELAY_SECONDS = 0.05
RETRY_SECONDS = 0.2  # the pause before another connection is tried, and between two polls over the pool meanwhile
PRUNE_SECONDS = 10.0  # between two prunings of the log
PRUNE_AGAIN_SECONDS = 1.0  # the same after a pruning that left something over
WAIT_SECONDS = 0.4  # how long a reader that finds a healthy feed out of touch waits for its next answer
# TCP keepalives let the kernel notice a server whose machine has vanished. The timeout is for each host, and then for
# the session; psycopg accepts none below 2 s.
CONNECT_OPTIONS = {"connect_timeout": 2, "keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3}


class Listener:
    """A daemon thread with a connection of its own: it LISTENs and reads the log at every notification."""

    def __init__(self, feed: ChangeFeed) -> None:
        self.feed = feed
        self.prune_failures = 0  # for metrics
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        """Initial state. A forked child resets to it, because the thread and its connection are the parent's."""
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._attempt_ended = threading.Event()
        self._lock = threading.Lock()
        self._is_well = True  # its last query was answered, or is not overdue yet
        self._loss_reported = False
        self._prune_failure_reported = False
        self._prune_at = 0.0

    def ensure(self) -> None:
        """Start the thread if it does not run, and give it a moment to answer. For readers that find the feed out of
        touch: the thread may not have begun, or may still be asleep after a pause of the process.
        """
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._start()
            self._attempt_ended.clear()
        if self._is_well and not self.feed.in_touch:
            self._attempt_ended.wait(WAIT_SECONDS)

    def stop(self) -> None:
        """Stop the thread and close its connection: once it is connected, after POLL_SECONDS and one answer at most."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        self._stopping, self._is_well, self._loss_reported = threading.Event(), True, False
        self._thread = threading.Thread(target=self._run, name="change feed", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._connection_worked = False  # over a connection of our own
            try:
                with closing(self._connect()) as connection:
                    self._follow(connection)
            except (Error, psycopg.Error, OSError) as error:  # OSError: no descriptor is left
                self._is_well = False
                self._attempt_ended.set()
                if not self._connection_worked:  # else it worked for a while: reconnect at once
                    self._fall_back(error)

    def _connect(self) -> "psycopg.Connection[Any]":
        """Connect while another thread follows the log: a host or a pooler that does not respond costs seconds."""
        connected = threading.Event()
        threading.Thread(target=self._poll_until, args=(connected,), name="change feed: pool", daemon=True).start()
        try:
            return _connect()
        finally:
            connected.set()

    def _follow(self, connection: "psycopg.Connection[Any]") -> None:
        with answer_within(ANSWER_SECONDS):
            connection.execute(f"LISTEN {change_log.CHANNEL}")
        with connection.cursor() as cursor:
            self._poll_feed(cursor)
            _check_pool()
            while not self._stopping.is_set():
                self._prune_now_and_then(cursor)
                list(connection.notifies(timeout=POLL_SECONDS, stop_after=1))
                self._poll_feed(cursor)

    def _prune_now_and_then(self, cursor: "psycopg.Cursor[Any]") -> None:
        if time.monotonic() < self._prune_at:
            return
        self._prune_at = time.monotonic() + PRUNE_SECONDS  # set first: one that failed is not retried at once
        with answer_within(ANSWER_SECONDS):
            try:
                self._prune(cursor)
            except psycopg.Error as error:
                if not cursor.connection.closed or is_deadline_over():  # else the connection was cut just now
                    self._report_unpruned(error)
                if cursor.connection.closed:
                    raise

    def _prune(self, cursor: change_log.Cursor) -> None:
        if change_log.prune(cursor):
            self._prune_at = time.monotonic() + PRUNE_AGAIN_SECONDS
        if self._prune_failure_reported:
            logger.info("The change log is pruned again.")
        self._prune_failure_reported = False

    def _poll_feed(self, cursor: change_log.Cursor) -> None:
        with answer_within(ANSWER_SECONDS):
            self.feed.poll(cursor)
        if self._loss_reported:
            logger.info("The change log is followed again.")
        self._is_well, self._connection_worked, self._loss_reported = True, True, False
        self._attempt_ended.set()

    def _poll_until(self, connected: threading.Event) -> None:
        """Poll over the pool until `connected` is set, in a thread that ends at most ANSWER_SECONDS after that."""
        pause = FALLBACK_DELAY_SECONDS
        while not connected.wait(pause):
            with suppress(psycopg.Error, OSError):  # reported, if connecting fails too
                self._poll_over_pool()
            pause = RETRY_SECONDS

    def _poll_over_pool(self) -> None:
        """Borrow a connection from the pool that requests use. Raises psycopg.Error if there is none that works."""
        with answer_within(ANSWER_SECONDS), _pool().connection(ANSWER_SECONDS) as borrowed:
            self.feed.poll(borrowed.cursor())
        self._attempt_ended.set()

    def _fall_back(self, error: Exception) -> None:
        """Poll over the pool once, and pause: because of `error` there is no connection of our own."""
        try:
            self._poll_over_pool()
        except (psycopg.Error, OSError):
            self._report_lost(error)
        self._stopping.wait(RETRY_SECONDS)

    def _report_lost(self, error: Exception) -> None:
        if not self._loss_reported:
            logger.error("The change log cannot be followed, so copies are served unverified: %s", error)
        self._loss_reported = True

    def _report_unpruned(self, error: Exception) -> None:
        self.prune_failures += 1
        if not self._prune_failure_reported:
            logger.error("Old lines of the change log cannot be deleted, so it grows: %s", error)
        self._prune_failure_reported = True


def _pool() -> "ConnectionPool[Any]":
    """Django's pool, which it keeps with the wrapper of its database."""
    pool: ConnectionPool[Any] | None = connections[DEFAULT_DB_ALIAS].pool  # type: ignore[attr-defined]
    if pool is None:
        raise psycopg.OperationalError("There is no connection pool")
    pool.open()
    return pool


def _check_pool() -> None:
    """Check the pool's idle connections: the same failure probably broke them, and each would delay a request."""
    with answer_within(ANSWER_SECONDS), suppress(psycopg.OperationalError):
        _pool().check()


def _connect() -> "psycopg.Connection[Any]":
    """A connection outside Django's pool, which would otherwise be one connection short.

    The application_name keeps the original service's name, which operators look for in pg_stat_activity.
    """
    ours = CONNECT_OPTIONS | {"application_name": "companion: change feed", "autocommit": True}
    return DeadlineConnection.connect(**own_parameters(connections[DEFAULT_DB_ALIAS]) | ours)


listener = Listener(feed)
