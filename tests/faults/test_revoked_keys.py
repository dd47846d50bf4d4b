"""A revoked key, or that of a deactivated user, is refused within the bound, whatever befalls Redis."""

from collections.abc import Iterable
from contextlib import ExitStack
from time import monotonic_ns
from typing import NamedTuple

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.history import pretty
from tests.faults.scenarios import AFTERWARDS, BOUND
from tests.faults.servers import Fault, frozen, killed, pause
from tests.faults.workers import Worker
from tests.promises import Figure

BY_ORM = ("revoke", "delete", "deactivate", "delete user")
BY_SQL = (
    "UPDATE accounts_apikey SET revoked_at = now() WHERE prefix = %s",
    "UPDATE accounts_apikey SET digest = '' WHERE prefix = %s",
    "DELETE FROM accounts_apikey WHERE prefix = %s",
    "UPDATE auth_user SET is_active = false WHERE id = (SELECT user_id FROM accounts_apikey WHERE prefix = %s)",
)
WAYS = len(BY_ORM) + len(BY_SQL)
ROUNDS = 3 if LONG else 1
QUICK = ["well, notified", "killed, not notified"]
CASES = {
    f"{fault.__name__ if fault else 'well'}, {'' if notified else 'not '}notified": (fault, notified)
    for fault in (None, frozen, killed)
    for notified in (True, False)
}


class Verdict(NamedTuple):
    start: int
    end: int
    key: str
    let_in: bool
    error: str


class Withdrawn(NamedTuple):
    way: str
    key: str
    returned: int  # when it was done, monotonic, ns

    def lag(self, verdicts: Iterable[Verdict]) -> float:
        """Return the seconds from then to the last time the key was let in."""
        wrong = [verdict.start for verdict in verdicts if verdict.let_in and verdict.key == self.key]
        return max(max(wrong, default=0) - self.returned, 0) / 1e9

    def is_refused(self, verdicts: Iterable[Verdict]) -> bool:
        """Whether it was refused in the end."""
        return not [verdict for verdict in verdicts if verdict.key == self.key][-1].let_in


def withdraw(environment: Environment, revoker: Worker, keys: list[str]) -> list[Withdrawn]:
    """Withdraw each key in another way: by the ORM in one process, by SQL without Django."""
    first, others = keys[: len(BY_ORM)], keys[len(BY_ORM) :]
    pairs = zip(BY_ORM, first, strict=True)
    done = [Withdrawn(way, key, revoker.ask("withdraw", way=way, text=key)) for way, key in pairs]
    for statement, key in zip(BY_SQL, others, strict=True):
        environment.sql(statement, key.split("_")[1])
        done.append(Withdrawn(statement, key, monotonic_ns()))
    return done


def watched(
    environment: Environment, verifier: Worker, revoker: Worker, fault: Fault | None, notified: bool
) -> list[tuple[str, float]]:
    """Return each way, and for how many seconds the verifier still let somebody in."""
    keys = revoker.ask("issue", count=WAYS)
    with ExitStack() as circumstances:
        if fault:
            circumstances.enter_context(fault(environment.redis))
        if not notified:
            circumstances.enter_context(environment.no_notifications())
        verifier.ask("begin_verifying", texts=keys)
        done = withdraw(environment, revoker, keys)
        pause(BOUND + AFTERWARDS, done[-1].returned)
        verdicts = [Verdict(*row) for row in verifier.ask("end_verifying")]
    assert not [verdict for verdict in verdicts if verdict.error]
    assert all(each.is_refused(verdicts) for each in done)
    return [(each.way, each.lag(verdicts)) for each in done]


@pytest.mark.parametrize("case", CASES if LONG else QUICK)
def test_key__revoked_or_its_user_deactivated__refused_within_the_bound(
    environment: Environment, figure: Figure, case: str
) -> None:
    fault, notified = CASES[case]
    with environment.workers() as new:
        verifier, revoker = new(), new()
        found = [each for _ in range(ROUNDS) for each in watched(environment, verifier, revoker, fault, notified)]
    slowest = max(lag for _, lag in found)
    figure(
        15,
        f"a key is revoked, or its user deactivated, in {WAYS} ways; Redis {case}",
        f"refused within {BOUND} s",
        measured=f"{len(found)} refused, the last after {pretty(slowest)}",
        met=slowest <= BOUND,
        why="\n".join(f"{pretty(lag)}: {way}" for way, lag in found),
    )


@pytest.mark.skipif(not LONG, reason="for the long form")
def test_key__copies_not_compared_with_the_log__test_would_notice(environment: Environment) -> None:
    with environment.workers() as new, pytest.raises(AssertionError):
        watched(environment, new(without=["compare"]), new(), None, notified=True)
