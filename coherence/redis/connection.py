"""A connection that reports to a circuit breaker."""

from typing import Any

from redis.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from coherence.redis.breaker import Breaker
from coherence.redis.errors import count_answer
from coherence.redis.report import failed, failed_to_connect


class Reporting(AbstractConnection):
    """Tells the breaker how the server does. Mixed into the class of connection that redis-py chose."""

    _connecting = False

    def __init__(self, *args: Any, breaker: Breaker, **kwargs: Any) -> None:
        self._breaker = breaker
        super().__init__(*args, **kwargs)

    def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        """Connect, if need be, and shake hands: one failure, whichever step it is that fails."""
        self._connecting = True
        try:
            super().connect_check_health(*args, **kwargs)
        except RedisError as error:
            failed_to_connect(self._breaker, error)
            raise
        finally:
            self._connecting = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        # First what redis-py would do inside: it reports for itself.
        if not self.is_connected:
            self.connect_check_health(check_health=False)
        if check_health:
            self.check_health()  # type: ignore[no-untyped-call]
        try:
            super().send_packed_command(command, check_health=False)  # type: ignore[no-untyped-call]
        except RedisError as error:
            self._report(error)
            raise

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            reply = super().read_response(*args, **kwargs)
        except RedisError as error:
            self._report(error)
            raise
        if not self._connecting:  # a frozen server's kernel connects: only the answer to a command proves anything
            self._breaker.succeeded()
            for each in reply if isinstance(reply, list) else ():  # EXEC's
                if isinstance(each, ResponseError):
                    count_answer(each)
        return reply

    def _report(self, error: RedisError) -> None:
        if not self._connecting:  # which reports for all its steps
            failed(self._breaker, error)


def reporting(connection_class: type[AbstractConnection]) -> type[AbstractConnection]:
    return type(f"Reporting{connection_class.__name__}", (Reporting, connection_class), {})
