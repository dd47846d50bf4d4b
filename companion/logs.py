"""How we log: each record is one line, of bounded length and without control characters, whatever it quotes."""

import codecs
import json
import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from rest.request_id import current

PACKAGES = ("resilience", "coherence", "rest", "rate_limits", "accounts", "personalities", "companion")
SELDOM_SECONDS = 10.0
MAX_KINDS = 1_000  # of lines that are told apart; a server's messages contain tracebacks
ESCAPES = "unicode_escape"
codecs.lookup(ESCAPES)  # now: Python loads it from a file, and later there may be no descriptor left for that
MAX_MESSAGE, MAX_LINE = 1_000, 8_000  # characters, of a message and of a line with its traceback


def logging_config(format: str, level: int, apps: Iterable[str]) -> dict[str, object]:
    """For Django's LOGGING: everything goes to standard error, as "text" or "json".

    `level` is for our packages and the optional `apps`; for all others it is INFO.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": JsonFormatter},
            "text": {"()": LineFormatter, "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        },
        "filters": {
            "callers_fault": {"()": CallersFault},
            "seldom": {"()": Seldom},
            "seldom_raised": {"()": Seldom, "name": "_granian"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": format,
                "filters": ["callers_fault", "seldom_raised"],
            }
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django.server": {"handlers": [], "propagate": True},
            "psycopg.pool": {"filters": ["seldom"]},  # without PostgreSQL each of its threads says so once a second
            "_granian": {"handlers": ["stderr"], "propagate": False},  # the server's own: what our application raises
            **{name: {"level": level} for name in (*PACKAGES, *apps)},
        },
    }


def one_line(text: str, limit: int) -> str:
    """`text` with what cannot be seen escaped as in Python, and without its middle beyond `limit` characters: nothing
    begins another line, moves a terminal's cursor, turns text around or cannot be encoded.
    """
    return _cut("".join(map(_printable, _cut(text, limit))), limit)


class LineFormatter(logging.Formatter):
    """Formats a record, traceback included, as one line of at most MAX_LINE characters."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return one_line(super().format(record), MAX_LINE)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """The line without a traceback, of at most MAX_MESSAGE characters."""
        return one_line(super().formatMessage(record), MAX_MESSAGE)


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object, with the id of the request in whose context it was logged."""

    def format(self, record: logging.LogRecord) -> str:
        """The object in one line. Its strings are bounded as those of a LineFormatter are."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": one_line(record.getMessage(), MAX_MESSAGE),
        }
        if request_id := current.get():
            entry["request_id"] = request_id
        if record.exc_info:
            lines = self.formatException(record.exc_info).split("\n")
            entry["exception"] = _cut("\n".join(one_line(line, MAX_MESSAGE) for line in lines), MAX_LINE)
        return json.dumps(entry, ensure_ascii=False)


class CallersFault(logging.Filter):
    """Turns what Django logs about a request that it refuses with 4xx into a warning without traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Make the record of a refusal a warning. True: every record passes."""
        if getattr(record, "status_code", 500) < 500:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        return True


class Seldom(logging.Filter):
    """Lets one line of a kind pass in SELDOM_SECONDS, with how many were left out before it.

    A kind is a message as it stands in the code, without its arguments. Lines of loggers that are not below `name`
    pass.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self._kinds: dict[str, tuple[float, int]] = {}  # when a line last passed, and how many have not since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes."""
        if not super().filter(record):
            return True
        kind, now = str(record.msg), time.monotonic()
        passed, left_out = self._kinds.get(kind, (now - SELDOM_SECONDS, 0))
        if now - passed < SELDOM_SECONDS:
            self._kinds[kind] = passed, left_out + 1
            return False
        if len(self._kinds) >= MAX_KINDS:
            self._kinds.clear()
        self._kinds[kind] = now, 0
        record.msg = f"{kind} ({left_out} such lines left out)" if left_out else kind
        return True


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    end = limit // 4
    left_out = f" … {len(text) - limit} characters … "
    return text[: limit - end - len(left_out)] + left_out + text[-end:]


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode(ESCAPES).decode("ascii")
