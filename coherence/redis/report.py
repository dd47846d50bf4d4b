"""What a breaker and the counters are told of an error, however Redis was asked."""

from redis.exceptions import RedisError, ResponseError, TimeoutError

from coherence.redis.breaker import Breaker
from coherence.redis.errors import count, count_answer, describe


def failed_to_connect(breaker: Breaker, error: RedisError) -> None:
    """Or to shake hands: one failure, whichever step it is that fails."""
    count(error)
    if isinstance(error, TimeoutError):
        breaker.timed_out()
    else:
        breaker.refused(describe(error))


def failed(breaker: Breaker, error: RedisError) -> None:
    """A command, over a connection that had been made."""
    if isinstance(error, ResponseError):
        breaker.succeeded()  # it answered
        count_answer(error)
    elif error.status_code or isinstance(error, TimeoutError):  # it answers, but serves nobody: LOADING, NOAUTH
        failed_to_connect(breaker, error)
    else:
        count(error)
        breaker.lost()  # it may have restarted, so the next connect decides
