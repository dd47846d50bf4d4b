"""Log lines: each record is one line, of bounded length and without control characters, whatever it repeats."""

import logging
import re

MAX_MESSAGE, MAX_LINE = 1_000, 8_000  # characters, of a message and of a line with its traceback
# What begins another line, moves a terminal's cursor or turns text around, and what cannot be encoded.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str, most: int) -> str:
    """`text` with control characters escaped as in Python, and without its middle beyond `most` characters."""
    return _cut(CONTROL.sub(_escaped, _cut(text, most)), most)


class LineFormatter(logging.Formatter):
    """Formats a record, traceback included, as one line of at most MAX_LINE characters."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return one_line(super().format(record), MAX_LINE)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """The line without a traceback, of at most MAX_MESSAGE characters."""
        return one_line(super().formatMessage(record), MAX_MESSAGE)


class CallersFault(logging.Filter):
    """Makes a warning without traceback of what Django logs about a request that it refuses with 4xx."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        if getattr(record, "status_code", 500) < 500:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        return True


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = most // 4
    left_out = f" … {len(text) - most} characters … "
    return text[: most - end - len(left_out)] + left_out + text[-end:]


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
