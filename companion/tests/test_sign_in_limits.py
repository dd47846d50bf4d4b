"""Sign-ins are bounded in number, and whoever is refused is told so calmly; nobody else is."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory

from accounts import sign_in_limits
from accounts.sign_in_limits import AT_A_TIME, AT_A_TIME_BY_ADDRESS, PasswordHasher, TooManySignIns
from rate_limits.gcra import Rate
from rate_limits.local import LocalLimiter
from tests.waiting import wait_until

OURS = ["accounts.sign_in_limits.PasswordHasher"]
PAGES = ("/accounts/login/", "/admin/login/")


@pytest.fixture(autouse=True)
def _nobody_was_here(settings: Any) -> Iterator[None]:
    settings.SIGN_IN_RATE = Rate(3, 60)
    sign_in_limits._limiter.reset()
    yield
    sign_in_limits._limiter.reset()


def attempt(page: str = PAGES[0], name: str = "ursula", address: str = "192.0.2.1") -> Any:
    return Client(REMOTE_ADDR=address).post(page, {"username": name, "password": "right"})


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES)
def test_sign_in__too_often_from_one_address__429_and_a_calm_page_and_others_may(user: User, page: str) -> None:
    said = [attempt(page, name).status_code for name in ("nobody", "anybody", "somebody")]
    answer = attempt(page)
    assert (said, answer.status_code, answer["Retry-After"]) == ([200] * 3, 429, "20")
    assert "Try again in 20 seconds" in answer.content.decode()
    assert f'href="{page}"' in answer.content.decode()
    assert "sessionid" not in answer.cookies
    user.set_password("right")
    user.save()
    assert attempt(address="192.0.2.2").status_code == 302


@pytest.mark.django_db
def test_sign_in__addresses_of_one_ipv6_network__one_count() -> None:
    said = [attempt(name=f"nobody-{number}", address=f"2001:db8::{number}").status_code for number in range(4)]
    assert said == [200, 200, 200, 429]
    assert attempt(address="2001:db8:0:1::").status_code == 200


@pytest.mark.django_db
def test_sign_in__refused_again_and_again__one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(6):
        attempt(name=f"nobody-{number}", address="192.0.2.7")
    (line,) = [record for record in caplog.records if record.name == "accounts.sign_in_limits"]
    assert "192.0.2.7" in line.getMessage()


def test_log__of_one_address__once_a_minute(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    times = iter([1000.0, 1059.9, 1060.0])
    monkeypatch.setattr(sign_in_limits, "_limiter", LocalLimiter(clock=lambda: next(times)))
    logged = []
    for _ in range(3):
        sign_in_limits._log("192.0.2.8")
        logged.append(len(caplog.records))
    assert logged == [1, 1, 2]


@pytest.mark.parametrize(("seconds", "said"), [(0, 1), (0.2, 1), (1, 1), (1.2, 2)])
def test_refusal__of_any_time__said_in_whole_seconds_and_never_none(seconds: float, said: int) -> None:
    assert TooManySignIns(seconds).retry_after == said


def test_hash__of_django__is_ours_and_the_other_way_round(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    theirs = make_password("right")
    settings.PASSWORD_HASHERS = OURS
    ours = make_password("right")
    assert check_password("right", theirs)
    assert not check_password("wrong", theirs)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    assert check_password("right", ours)


class Held:
    """Threads that hash passwords until they are let go; `inside` are those that hash at this moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside, self.refused, self.released = 0, 0, threading.Event()
        self.threads: list[threading.Thread] = []
        self.had_connection: list[bool] = []
        monkeypatch.setattr(PBKDF2PasswordHasher, "encode", self._encode)

    def _encode(self, *_: object) -> str:
        self.had_connection.append(connection.connection is not None)
        self.inside += 1
        self.released.wait(30)
        self.inside -= 1
        return "hash"

    def start(self, number: int, address: str) -> None:
        before = len(self.threads)
        for _ in range(number):
            self.threads.append(threading.Thread(target=self._hash, args=(address,)))
            self.threads[-1].start()
        wait_until(lambda: self.waiting() + self.refused == before + number)

    def waiting(self) -> int:
        return sign_in_limits._slots._taken.total()

    def _hash(self, address: str) -> None:
        sign_in_limits._address.set(address)
        try:
            PasswordHasher().encode("right", "salt")
        except TooManySignIns:
            self.refused += 1

    def end(self) -> None:
        self.released.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    monkeypatch.setattr(sign_in_limits, "WAIT_SECONDS", 30)
    made = Held(monkeypatch)
    yield made
    made.end()


def test_hashing__many_at_a_time__one_hashes_and_the_rest_wait_or_are_refused(held: Held) -> None:
    held.start(AT_A_TIME_BY_ADDRESS + 2, "192.0.2.1")
    assert (held.waiting(), held.refused) == (AT_A_TIME_BY_ADDRESS, 2)
    for number in range(2, 2 + AT_A_TIME):
        held.start(1, f"192.0.2.{number}")
    assert (held.waiting(), held.refused) == (AT_A_TIME, 2 + AT_A_TIME_BY_ADDRESS)
    assert held.inside == 1
    held.end()
    assert held.waiting() == 0
    assert len(held.had_connection) == AT_A_TIME


def test_hashing__nobody_finishes__refused_after_a_while(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    held.start(1, "192.0.2.1")
    monkeypatch.setattr(sign_in_limits, "WAIT_SECONDS", 0.01)
    with pytest.raises(TooManySignIns):
        PasswordHasher().encode("right", "salt")


@pytest.mark.django_db(transaction=True)
def test_sign_in__while_the_password_is_hashed__no_connection_is_held(user: User, held: Held, settings: Any) -> None:
    user.password = f"{PBKDF2PasswordHasher.algorithm}$1$salt$hash"
    user.save()
    settings.PASSWORD_HASHERS = OURS
    held.released.set()
    authenticate(RequestFactory().get("/"), username="ursula", password="wrong")
    assert held.had_connection
    assert not any(held.had_connection)
