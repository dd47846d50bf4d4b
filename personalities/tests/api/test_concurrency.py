"""Only a few lists of one user are made at a time, so that the hot reads of others do not wait for the interpreter."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.tests.api.conftest import LIST
from rest.concurrency import AT_A_TIME, IN_ALL, MAX_QUEUED, TooManyAtOnce, limited_concurrency
from tests.waiting import wait_until

USER, OTHER = 1, 2


class Crowd:
    """Many requests of one user, none of which ends before `let_go` is called."""

    def __init__(self, pool: ThreadPoolExecutor, user_id: int) -> None:
        self.begun = threading.Semaphore(0)
        self.most, self._now, self._go, self._lock = 0, 0, threading.Event(), threading.Lock()
        self._pool, self._user_id = pool, user_id

    def send(self, number: int) -> "list[Future[bool]]":
        return [self._pool.submit(self._request) for _ in range(number)]

    def let_go(self) -> None:
        self._go.set()

    def _request(self) -> bool:
        try:
            with limited_concurrency(self._user_id):
                with self._lock:
                    self._now += 1
                    self.most = max(self.most, self._now)
                self.begun.release()
                self._go.wait(60)
                with self._lock:
                    self._now -= 1
        except TooManyAtOnce:
            return False
        return True


@contextmanager
def crowd(user_id: int) -> Iterator[Crowd]:
    """Make a crowd whose first requests have taken every place there is."""
    with ThreadPoolExecutor(AT_A_TIME + MAX_QUEUED + 10) as pool:
        made = Crowd(pool, user_id)
        try:
            made.send(AT_A_TIME)
            for _ in range(AT_A_TIME):
                assert made.begun.acquire(timeout=60)
            yield made
        finally:
            made.let_go()


def test_requests__more_than_may_wait__refused_and_the_others_answered_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rest.concurrency.LINE_SECONDS", 60)
    with crowd(USER) as made:
        more = made.send(MAX_QUEUED + 5)
        wait_until(lambda: sum(future.done() for future in more) >= 5)
        made.let_go()
        assert sorted(future.result() for future in more) == [False] * 5 + [True] * MAX_QUEUED
        assert made.most == AT_A_TIME


def test_requests__of_another_user__not_concerned() -> None:
    with crowd(USER), limited_concurrency(OTHER):
        pass


def test_requests__of_many_users__no_more_in_all_than_a_process_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest.concurrency.LINE_SECONDS", 0.01)
    with ExitStack() as stack:
        for user in range(IN_ALL):
            stack.enter_context(limited_concurrency(user))
        with pytest.raises(TooManyAtOnce), limited_concurrency(IN_ALL):
            pass
    with limited_concurrency(IN_ALL):
        pass


@pytest.mark.django_db
@pytest.mark.parametrize("path", [LIST, f"{LIST}resolve/"])
def test_list__too_long_in_line__429_and_then_200(
    user: User, client_of: Callable[[User], APIClient], path: str
) -> None:
    client = client_of(user)

    def status() -> int:
        answer = client.post(path, {"names": ["elara"]}) if "resolve" in path else client.get(path)
        assert answer.status_code == 200 or answer["Retry-After"] == "1"
        return answer.status_code

    with crowd(user.pk):
        assert status() == 429
    assert status() == 200
