"""What this process knows of the change log, and so which copies are true."""

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection

from coherence import change_log
from coherence.change_log import Cursor, Line, News, Position
from coherence.commits import Commits
from coherence.models import EVERYTHING
from coherence.transactions import after_commit, in_transaction
from resilience.clock import clock

IN_TOUCH_SECONDS = 1.2  # a process that knew every change this recently counts as in touch: the bound on staleness


class Known(NamedTuple):
    """The latest change of each key, complete from `unsure_below` up to the log's `number`, all in one `history`.

    About a copy that was read below `unsure_below`, of a key that is not in `latest`, the log has to be asked. Below
    `outdated_below`, which is never higher, that does not help either: the log does not reach back so far, or
    everything was invalidated then, so the copy is outdated.

    A change of a key is also one of its group (`Line.group`). `latest` has the latest change of every group that has
    changed since the line `groups_known_from`, which may be far below `unsure_below`. Only changes before
    `outdated_below` may be missing: they outdate no copy that still counts. `commits` are numbers that the log had.
    """

    history: str
    outdated_below: int
    unsure_below: int
    latest: dict[str, int]
    number: int
    groups_known_from: Line
    commits: Commits

    @classmethod
    def starting(cls, history: str, outdated_below: int, unsure_below: int) -> "Known":
        """What is known before the first line is taken in: nothing about any key."""
        commits = Commits(unsure_below, change_log.MAX_REMEMBERED_COMMITS)
        return cls(history, outdated_below, unsure_below, {}, 0, _first_line_after(unsure_below), commits)

    def after(self, lines: Sequence[Line]) -> "Known":
        """What is known after `lines`, which come newest first. Reuses the dict `latest` where it can."""
        history, outdated_below, unsure_below, latest, _, groups_known_from, commits = self
        for line in reversed(lines):
            if line.number <= self.number:  # known already
                continue
            commits.append(line.number)
            if line.key == EVERYTHING:
                outdated_below, unsure_below, latest = line.number, line.number, {}
            else:
                latest[line.key] = latest[line.group] = line.number
        newest = max(self.number, lines[0].number if lines else 0)
        return Known(history, outdated_below, unsure_below, latest, newest, groups_known_from, commits)._bounded()

    def with_answer(self, found: Mapping[str, int], commits: Collection[int]) -> "Known":
        """What is known with the log's answer. Meanwhile, later changes may have become known."""
        known = self._bounded(len(found))
        for key, number in found.items():
            known._learn(key, number)
        known.commits.add(commits)
        return known

    def with_older(self, first: Line, found: dict[str, int], commits: Collection[int]) -> "Known":
        """What is known after looking back to the line `first`: from there on, `found` has the latest change of each
        group and `commits` all numbers.
        """
        outdated_below = max(self.outdated_below, found.pop(EVERYTHING, 0))
        self.commits.add_all(commits, first.number)
        return self._replace(outdated_below=outdated_below, groups_known_from=first).with_answer(found, ())

    def with_settled(self, groups: Collection[str]) -> "Known":
        """What is known once each of `groups` is in `latest`. One without a known change gets the number of the line
        `groups_known_from`: its last change was before that.
        """
        known = self._bounded(len(groups))  # which may raise `groups_known_from`
        for group in groups:
            known._learn(group, known.groups_known_from.number)
        return known

    def _learn(self, key: str, number: int) -> None:
        self.latest[key] = max(number, self.latest.get(key, self.outdated_below))

    def has_room_for(self, count: int) -> bool:
        """Whether so many keys more can be remembered."""
        return len(self.latest) + count <= change_log.MAX_REMEMBERED_KEYS

    def _bounded(self, room: int = 0) -> "Known":
        """Drop the earlier half of the changes if there is no room for `room` more. The log can be asked about them."""
        if self.has_room_for(room):
            return self
        cut = sorted(self.latest.values())[len(self.latest) // 2]
        kept = {key: number for key, number in self.latest.items() if number > cut}
        groups_known_from = max(self.groups_known_from, _first_line_after(cut))
        unsure_below = max(self.unsure_below, cut)
        return self._replace(unsure_below=unsure_below, latest=kept, groups_known_from=groups_known_from)


class ChangeFeed:
    """The latest change of each key, as far back as this process remembers.

    `position` is the newest of the change log that this process knows, `number` its number; `heard` is when, in seconds
    of `resilience.clock`, it last knew every change. `edition` increases with each poll that brings something new, so
    that copies are compared again; the answers to `ask` leave it alone.
    Readers take no lock: state is replaced as a whole, except `latest`, which is updated in place, so that it may
    briefly be newer than `number`.
    """

    def __init__(self, clock: Callable[[], float] = clock) -> None:
        self.clock = clock
        self.edition = 0
        self.heard = float("-inf")
        self._known = Known.starting("", 0, 0)
        self._limit = change_log.FIRST_MAX_LINES
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    @property
    def position(self) -> Position:
        """The newest position of the change log that is known here. Without a history before the first answer."""
        known = self._known
        return Position(known.history, known.number)

    @property
    def number(self) -> int:
        """The newest number of the change log that is known here."""
        return self._known.number

    @property
    def unsure_below(self) -> int:
        """The number below which only the keys in `latest` are known; about others the log has to be asked."""
        return self._known.unsure_below

    @property
    def latest(self) -> Mapping[str, int]:
        """The number of the latest change by key, of keys that changed lately or were asked about."""
        return self._known.latest

    def is_current(self, key: str, position: Position) -> bool:
        """Whether a copy of `key` read at `position` of the change log is known to be current.

        One of another history does not count, nor does a number above ours: the commits that it shows may be lost.
        """
        history, _, unsure_below, latest, newest, *_ = self._known
        return position.history == history != "" and latest.get(key, unsure_below) <= position.number <= newest

    def has_commit(self, number: int) -> bool:
        """Whether the log is known to have had `number`.

        A copy read by another process at a number that the log never had shows a lost commit: the disk was restored
        from a snapshot, and the log's line was lost with it.
        """
        known = self._known
        return number == known.number or number in known.commits

    def is_outdated(self, key: str, position: Position) -> bool:
        """Whether a copy of `key` read at `position` is known to be outdated, or is older than what is known.

        False before the first answer of the log. `is_unsure` tells whether the log can still be asked about the copy.
        """
        history, _, unsure_below, latest, *_ = self._known
        return history != "" and (position.history != history or position.number < latest.get(key, unsure_below))

    def is_unsure(self, key: str, position: Position) -> bool:
        """Whether the log has to be asked about a copy of `key` read at `position`: it is older than what is known of
        the key or of commits.
        """
        history, outdated_below, unsure_below, latest, _, _, commits = self._known
        number = position.number
        if position.history != history or not history or number < latest.get(key, outdated_below):
            return False
        return (number < unsure_below and key not in latest) or (number < commits.since and number not in commits)

    @property
    def age(self) -> float:
        """Seconds since this process last knew every change."""
        return self.clock() - self.heard

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

    def ask(self, copies: Collection[Line]) -> None:
        """Ask the log, over the caller's connection, about `copies` of which this process is unsure: key and number."""
        history = self.position.history
        with connection.cursor() as cursor:
            found, commits = change_log.latest(cursor, copies)
        with self._lock:
            if self._known.history == history:
                self._known = self._known.with_answer(found, commits)

    def knows_groups_from(self, number: int) -> bool:
        """Whether all changes of groups are known from `number` of the log on, or no more of them can be remembered."""
        known = self._known
        return known.groups_known_from.number <= number or not known.has_room_for(change_log.MAX_LINES_PER_POLL)

    def look_back(self) -> None:
        """Find out from the log, over the caller's connection, about earlier changes of groups than are known yet.

        It reads lines of all groups: the log cannot be searched by group, and after a large commit there would be a
        question about each. At most change_log.MAX_LINES_PER_POLL lines are read; the next call goes on from there.
        """
        known, limit = self._known, change_log.MAX_LINES_PER_POLL
        with connection.cursor() as cursor:
            first, found, commits = change_log.groups_before(cursor, known.groups_known_from, limit)
        with self._lock:
            now = self._known
            if (now.history, now.groups_known_from) == (known.history, known.groups_known_from):
                self._known = now.with_older(first, found, commits)

    def settle(self, groups: Collection[str]) -> None:
        """Note that each of `groups` without a known change last changed before everything that is known of groups.

        So a copy that was read since then counts, and one that was read earlier is outdated.
        """
        with self._lock:
            self._known = self._known.with_settled(groups)

    def poll(self, cursor: Cursor) -> None:
        """Read the change log above our number and take it in, again whenever another thread overtook the answer."""
        while not self._poll(cursor):
            pass

    def _poll(self, cursor: Cursor) -> bool:
        asked, known = self.clock(), self.position
        limit, self._limit = self._limit, change_log.FIRST_MAX_LINES
        news = _news(cursor, known, limit)
        self._limit = change_log.MAX_LINES_PER_POLL  # not reached if no answer comes in time: the next asks for less
        with self._lock:
            applied = self._apply(news, known)
            if applied:
                self.heard = max(self.heard, asked)
        return applied

    def _apply(self, news: News, known: Position) -> bool:
        """False when another thread has overtaken the answer."""
        lines, before = news.lines, self._known
        starts_over = not (news.is_anchored and news.is_whole)  # something is missing in between
        if before.history != known.history or (starts_over and before.number != known.number):
            return False  # another thread has noticed it meanwhile
        if starts_over:
            oldest = lines[-1].number if lines else 0
            outdated_below = _new_outdated_below(news, before.outdated_below, oldest)
            before = Known.starting(news.history or "", outdated_below, oldest)
        self._known = before.after(lines)
        self.edition += bool(lines) or starts_over
        return True

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # the old one may be held by a thread that the child does not have


def _first_line_after(number: int) -> Line:
    """The first place in the log after commit `number`: a line that sorts before any line of a later commit."""
    return Line(number + 1, "")


def _new_outdated_below(news: News, outdated_below: int, oldest: int) -> int:
    """The `outdated_below` of a feed that starts over at `oldest`, because `news` does not continue what it knew."""
    if news.is_anchored:  # nothing is lost: there were too many lines to read, and the log still has the others
        return outdated_below
    if news.is_whole:  # these lines are the whole log, which can be asked about nothing older
        return oldest
    return 0  # there is more of the log, and the answers of `change_log.latest` allow for how far back it reaches


def _news(cursor: Cursor, known: Position, limit: int) -> News:
    """The changes after `known`; if its history is over or unknown, the latest changes of all."""
    news = change_log.since(cursor, known.number, limit)
    is_lost = known.number and not news.is_anchored  # commits are lost or pruned: copies may have numbers it never had
    if news.history is None or is_lost:
        change_log.begin_history(cursor, known)
    elif not known.number or news.history == known.history:
        return news
    return change_log.since(cursor, 0, change_log.FIRST_MAX_LINES)


feed = ChangeFeed()


def catch_up_on_commit(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let this process know its own commit as soon as it returns. Other processes hear of it from the change log."""
    after_commit(feed.catch_up, using=using)
