"""What is said in a conversation is kept once and read as it was said, whatever Redis does meanwhile."""

from collections.abc import Sequence
from itertools import count

import pytest

from tests.faults.conftest import LONG, Workers
from tests.faults.conversation_load import THREADS, Ledger, Row
from tests.faults.environment import Environment
from tests.faults.servers import REDIS_FAULTS
from tests.faults.workers import Worker
from tests.promises import Figure
from tests.waiting import wait_until

PROMISE = 17
TURNS = 10_000 if LONG else 300
CONVERSATIONS, SPEAKERS = 3, 2
A_TIME = -(-TURNS // (len(REDIS_FAULTS) * 2 * SPEAKERS * THREADS))  # by each thread, twice an fault


class Talk:
    """Workers that talk in the same conversations, and the ledger of what they say."""

    def __init__(self, environment: Environment, speakers: Sequence[Worker], name: str, conversations: int) -> None:
        self._stage, self._speakers, self._numbers = environment, speakers, count()
        environment.create(name)
        self.ledger = Ledger()
        self.ids: list[str] = speakers[0].ask("begin", name=name, count=conversations)

    def begin(self, turns: int) -> None:
        for speaker in self._speakers:
            speaker.send("talk", conversations=self.ids, speaker=f"s{next(self._numbers)}", count=turns)

    def end(self) -> bool:
        """Whether each of them has read from Redis."""
        answers = [speaker.answer() for speaker in self._speakers]
        for answer in answers:
            self.ledger.add(answer)
        return all(answer["from_redis"] for answer in answers)

    def until_redis_is_used(self) -> None:
        """Counted in time, not in turns: a quiet machine does hundreds within the breaker's pause of up to 5 s."""
        wait_until(self._reads_from_redis)

    def _reads_from_redis(self) -> bool:
        self.begin(1)
        return self.end()

    def lists(self) -> dict[str, bytes]:
        """Return the lists in Redis, as DUMP serializes them."""
        found = {f"conversation:{id}": self._stage.redis.client.dump(f"conversation:{id}") for id in self.ids}
        return {key: value for key, value in found.items() if value}

    def put_back(self, lists: dict[str, bytes]) -> None:
        for key, value in lists.items():
            self._stage.redis.client.restore(key, 0, value, replace=True)

    def wrong(self) -> list[str]:
        kept: dict[str, list[Row]] = {id: self._speakers[0].ask("kept", id=id) for id in self.ids}
        return self.ledger.wrong(kept)


@pytest.mark.timeout(900 if LONG else 120)
def test_turns__every_ill_of_redis__none_lost_none_doubled_none_stale(
    environment: Environment, workers: Workers, name: str, figure: Figure
) -> None:
    """Each fault begins and ends in the middle of turns, and when it is over the lists from before it are back."""
    talk = Talk(environment, workers(SPEAKERS), name, CONVERSATIONS)
    for fault in REDIS_FAULTS.values():
        talk.until_redis_is_used()
        lists = talk.lists()
        talk.begin(A_TIME)
        with fault(environment.redis):
            talk.end()
            talk.begin(A_TIME)
        talk.put_back(lists)
        talk.end()
    talk.until_redis_is_used()
    wrong, ledger = talk.wrong(), talk.ledger
    figure(
        PROMISE,
        f"{len(REDIS_FAULTS)} faults of Redis during turns, three in ten of them sent twice",
        f">= {TURNS:,} turns: 0 lost, 0 doubled, 0 out of place, 0 reads stale or torn, 0 errors",
        measured=f"{len(wrong)} wrong of {len(ledger.turns):,} turns, {ledger.repeats:,} repeats and "
        f"{len(ledger.seen):,} reads, {ledger.from_redis:,} of them from Redis",
        met=not wrong and len(ledger.turns) >= TURNS and ledger.repeats > 0 and ledger.from_redis > 0,
        why="\n".join(wrong[:20]),
    )


@pytest.mark.parametrize(("without", "stale"), [((), 0), (("tail",), 1)])
def test_recent__old_list_is_back__judge_objects_without_the_safeguard(
    environment: Environment, workers: Workers, name: str, figure: Figure, without: tuple[str, ...], stale: int
) -> None:
    (speaker,) = workers(1, without=without)
    talk = Talk(environment, [speaker], name, 1)
    talk.until_redis_is_used()
    lists = talk.lists()
    talk.until_redis_is_used()
    talk.put_back(lists)
    known = max(max(positions) for positions in talk.ledger.turns.values())
    talk.ledger.seen.append(speaker.ask("look_at", id=talk.ids[0], known=known))
    wrong = talk.wrong()
    figure(
        PROMISE,
        "an old list is back" + ", and is believed" * bool(without),
        f"{stale} stale",
        measured=f"{len(wrong)} stale",
        met=len(wrong) == stale,
        why="\n".join(wrong),
    )
