"""A personality as HTTP carries it: bytes, and the ETag of exactly these bytes."""

from collections.abc import Callable

from personalities.config import PersonalityConfig
from rest.conditional import Representation

Represent = Callable[[PersonalityConfig], Representation]


def of_config(config: PersonalityConfig) -> Representation:
    """The whole configuration; both parts are made once of each."""
    return Representation(config.json, f'"{config.digest}"')


def of_id(config: PersonalityConfig) -> Representation:
    """Only the id, which is its own ETag."""
    return Representation(b'{"id":"%s"}' % str(config.id).encode(), f'"{config.id}"')
