"""This process's view of the change log, used to decide which cached copies are valid."""

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection

from coherence import change_log
from coherence.change_log import CopyRef, Cursor, LogEntry, News, Position
from coherence.commits import Commits
from coherence.models import EVERYTHING
from resilience.clock import clock
from resilience.transactions import after_commit, in_transaction

IN_TOUCH_SECONDS = 1.2  # a process that knew every change this recently counts as in touch: the bound on staleness


class LogView(NamedTuple):
    """What this process knows of the change log. It is complete from `unsure_below` up to `number`.

    A change of a key is also one of its group (`LogEntry.group`).
    """

    history: str  # in which all these numbers count
    outdated_below: int  # copies below are outdated: the log begins later, or everything was invalidated then
    unsure_below: int  # about copies below, of keys not in `latest`, ask the log; never lower than `outdated_below`
    latest: dict[str, int]  # the number of the last change by key and by group
    number: int  # the newest number of the log
    groups_known_from: LogEntry  # `latest` has each group changed since; any missing are below `outdated_below`
    commits: Commits  # numbers that the log had

    @classmethod
    def starting(cls, history: str, outdated_below: int, unsure_below: int) -> "LogView":
        """What is known before the first entry is applied: nothing about any key."""
        commits = Commits(unsure_below, change_log.MAX_REMEMBERED_COMMITS)
        return cls(history, outdated_below, unsure_below, {}, 0, _first_entry_after(unsure_below), commits)

    def after(self, entries: Sequence[LogEntry]) -> "LogView":
        """What is known after `entries`, which come newest first. Reuses the dict `latest` where it can."""
        history, outdated_below, unsure_below, latest, _, groups_known_from, commits = self
        for entry in reversed(entries):
            if entry.number <= self.number:  # known already
                continue
            commits.append(entry.number)
            if entry.key == EVERYTHING:
                outdated_below, unsure_below, latest = entry.number, entry.number, {}
            else:
                latest[entry.key] = latest[entry.group] = entry.number
        newest = max(self.number, entries[0].number if entries else 0)
        return LogView(history, outdated_below, unsure_below, latest, newest, groups_known_from, commits)._bounded()

    def with_answer(self, found: Mapping[str, int], commits: Collection[int]) -> "LogView":
        """What is known with the log's answer. Meanwhile, later changes may have become known."""
        view = self._bounded(len(found))
        for key, number in found.items():
            view._learn(key, number)
        view.commits.add(commits)
        return view

    def with_older(self, first: LogEntry, found: dict[str, int], commits: Collection[int]) -> "LogView":
        """What is known after looking back to the entry `first`: from there on, `found` has the latest change of each
        group and `commits` all numbers.
        """
        outdated_below = max(self.outdated_below, found.pop(EVERYTHING, 0))
        self.commits.add_all(commits, first.number)
        return self._replace(outdated_below=outdated_below, groups_known_from=first).with_answer(found, ())

    def with_bounds(self, groups: Collection[str]) -> "LogView":
        """What is known once each of `groups` is in `latest`. One without a known change gets the number of the entry
        `groups_known_from`: its last change was before that.
        """
        view = self._bounded(len(groups))  # which may raise `groups_known_from`
        for group in groups:
            view._learn(group, view.groups_known_from.number)
        return view

    def _learn(self, key: str, number: int) -> None:
        self.latest[key] = max(number, self.latest.get(key, self.outdated_below))

    def has_room_for(self, count: int) -> bool:
        """Whether so many keys more can be remembered."""
        return len(self.latest) + count <= change_log.MAX_REMEMBERED_KEYS

    def _bounded(self, room: int = 0) -> "LogView":
        """Drop the earlier half of the changes if there is no room for `room` more. The log can be asked about them."""
        if self.has_room_for(room):
            return self
        cut = sorted(self.latest.values())[len(self.latest) // 2]
        kept = {key: number for key, number in self.latest.items() if number > cut}
        groups_known_from = max(self.groups_known_from, _first_entry_after(cut))
        unsure_below = max(self.unsure_below, cut)
        return self._replace(unsure_below=unsure_below, latest=kept, groups_known_from=groups_known_from)


class ChangeFeed:
    """The latest change of each key, as far back as this process remembers.

    `position` is the newest of the change log that this process knows, `number` its number; `last_synced` is when, in
    seconds of `resilience.clock`, it last knew every change. `revision` increases with each poll that brings
    something new, so that copies are compared again. What is learned of the past (`ask`, `look_back`) leaves it alone.
    Readers take no lock: state is replaced as a whole, except `latest` and `commits`, which are updated in place, so
    that they may briefly be newer than `number`.
    """

    def __init__(self, clock: Callable[[], float] = clock) -> None:
        self.clock = clock
        self.revision = 0
        self.last_synced = float("-inf")
        self._view = LogView.starting("", 0, 0)
        self._limit = change_log.FIRST_MAX_ENTRIES
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    @property
    def position(self) -> Position:
        """The newest position of the change log that is known here. Without a history before the first answer."""
        view = self._view
        return Position(view.history, view.number)

    @property
    def number(self) -> int:
        """The newest number of the change log that is known here."""
        return self._view.number

    @property
    def unsure_below(self) -> int:
        """The number below which only the keys in `latest` are known; about others the log has to be asked."""
        return self._view.unsure_below

    @property
    def latest(self) -> Mapping[str, int]:
        """The number of the latest change by key, or an upper bound of it; of keys that changed lately or were asked
        about.
        """
        return self._view.latest

    def is_current(self, key: str, position: Position) -> bool:
        """Whether a copy of `key` read at `position` of the change log is known to be current.

        One of another history does not count, nor does a number above ours: the commits that it shows may be lost.
        """
        history, _, unsure_below, latest, newest, *_ = self._view
        return position.history == history != "" and latest.get(key, unsure_below) <= position.number <= newest

    def has_commit(self, number: int) -> bool:
        """Whether the log is known to have had `number`.

        A copy read by another process at a number that the log never had shows a lost commit: the disk was restored
        from a snapshot, and the log's entry was lost with it.
        """
        view = self._view
        return number == view.number or number in view.commits

    def may_be_outdated(self, key: str, position: Position) -> bool:
        """Whether a copy of `key` read at `position` is outdated, or older than what is known of the key.

        False before the first answer of the log. `is_unsure` tells whether the log can still be asked about the copy.
        """
        history, _, unsure_below, latest, *_ = self._view
        return history != "" and (position.history != history or position.number < latest.get(key, unsure_below))

    def is_unsure(self, key: str, position: Position) -> bool:
        """Whether the log has to be asked about a copy of `key` read at `position`: it is older than what is known of
        the key or of commits.
        """
        history, outdated_below, unsure_below, latest, _, _, commits = self._view
        number = position.number
        if position.history != history or not history or number < latest.get(key, outdated_below):
            return False
        return (number < unsure_below and key not in latest) or (number < commits.since and number not in commits)

    @property
    def age(self) -> float:
        """Seconds since this process last knew every change."""
        return self.clock() - self.last_synced

    @property
    def in_touch(self) -> bool:
        """Whether this process knew every change within IN_TOUCH_SECONDS."""
        return self.age <= IN_TOUCH_SECONDS

    def catch_up(self) -> None:
        """Read the change log over the caller's connection, so that its own commits are known when this returns.

        Does nothing inside a transaction, which may see an old log, or changes that are not committed yet.
        """
        if in_transaction():
            return
        with connection.cursor() as cursor:
            self.poll(cursor)

    def ask(self, copies: Collection[CopyRef]) -> None:
        """Ask the log, over the caller's connection, about `copies` of which this process is unsure."""
        history = self.position.history
        with connection.cursor() as cursor:
            found, commits = change_log.last_changes_of(cursor, copies)
        with self._lock:
            if self._view.history == history:
                self._view = self._view.with_answer(found, commits)

    def should_look_back_to(self, number: int) -> bool:
        """Whether changes of groups since `number` of the log are unknown, and there is room to remember them."""
        view = self._view
        return view.groups_known_from.number > number and view.has_room_for(change_log.MAX_ENTRIES_PER_POLL)

    def look_back(self) -> None:
        """Read one more batch of older log entries, to learn when groups last changed. Uses the caller's connection.

        It reads entries of all groups: the log cannot be searched by group, and after a large commit there would be a
        question about each. The next call goes on from there.
        """
        view, limit = self._view, change_log.MAX_ENTRIES_PER_POLL
        with connection.cursor() as cursor:
            first, found, commits = change_log.groups_before(cursor, view.groups_known_from, limit)
        with self._lock:
            now = self._view
            if (now.history, now.groups_known_from) == (view.history, view.groups_known_from):
                self._view = now.with_older(first, found, commits)

    def bound_last_changes(self, groups: Collection[str]) -> None:
        """Take it that `groups` without a known change changed last just before the oldest number that is known: a copy
        that was read since then counts, and one that was read earlier does not.
        """
        with self._lock:
            self._view = self._view.with_bounds(groups)

    def poll(self, cursor: Cursor) -> None:
        """Fetch and apply newer log entries; retry if another thread applied some first."""
        while not self._poll(cursor):
            pass

    def _poll(self, cursor: Cursor) -> bool:
        asked, known = self.clock(), self.position
        limit, self._limit = self._limit, change_log.FIRST_MAX_ENTRIES
        news = _news(cursor, known, limit)
        self._limit = change_log.MAX_ENTRIES_PER_POLL  # not reached if no answer comes in time: the next asks for less
        with self._lock:
            applied = self._apply(news, known)
            if applied:
                self.last_synced = max(self.last_synced, asked)
        return applied

    def _apply(self, news: News, known: Position) -> bool:
        """False when another thread has applied some first."""
        entries, before = news.entries, self._view
        starts_over = not (news.is_contiguous and news.is_complete)  # something is missing in between
        if before.history != known.history or (starts_over and before.number != known.number):
            return False  # another thread has noticed it meanwhile
        if starts_over:
            oldest = entries[-1].number if entries else 0
            outdated_below = _new_outdated_below(news, before.outdated_below, oldest)
            before = LogView.starting(news.history or "", outdated_below, oldest)
        self._view = before.after(entries)
        self.revision += bool(entries) or starts_over
        return True

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # the old one may be held by a thread that the child does not have


def _first_entry_after(number: int) -> LogEntry:
    """The start of the log after commit `number`: an entry that sorts before any entry of a later commit."""
    return LogEntry(number + 1, "")


def _new_outdated_below(news: News, outdated_below: int, oldest: int) -> int:
    """The `outdated_below` of a feed that starts over at `oldest`, because `news` does not continue what it knew."""
    if news.is_contiguous:  # nothing is lost: there were too many entries to read, and the log still has the others
        return outdated_below
    if news.is_complete:  # these entries are the whole log, which can be asked about nothing older
        return oldest
    return 0  # there is more of the log, and the answers to `ask` allow for how far back it reaches


def _news(cursor: Cursor, known: Position, limit: int) -> News:
    """The changes after `known`; if its history is over or unknown, the newest changes of all."""
    news = change_log.since(cursor, known.number, limit)
    is_lost = known.number and not news.is_contiguous  # lost or pruned: copies may have numbers it never had
    if news.history is None or is_lost:
        change_log.begin_history(cursor, known)
    elif not known.number or news.history == known.history:
        return news
    return change_log.since(cursor, 0, change_log.FIRST_MAX_ENTRIES)


feed = ChangeFeed()


def catch_up_on_commit(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let this process know its own commit as soon as it returns. Other processes hear of it from the change log."""
    after_commit(feed.catch_up, using=using)


def invalidate_everything() -> None:
    """As `coherence.cache.CoherentCache.invalidate`, for all keys of all kinds."""
    change_log.record()
    catch_up_on_commit()
