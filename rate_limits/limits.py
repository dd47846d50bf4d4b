"""Who is limited, and to what."""

from typing import NamedTuple

from rate_limits.rate import Rate


class Limit(NamedTuple):
    """In Redis it is `limit:{subject}`."""

    subject: str
    rate: Rate


def limits_of(what: str, user: int, user_rate: Rate, key: str | None, key_rate: Rate) -> list[Limit]:
    """Of a user, and of the API key with that prefix, where there is one.

    Nothing else says who somebody is: neither an address nor a header, both of which callers choose.
    """
    limits = [Limit(f"{what}:user:{user}", user_rate)]
    return limits if key is None else [*limits, Limit(f"{what}:key:{key}", key_rate)]
