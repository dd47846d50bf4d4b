"""django-cachalot, which answers whole queries from Django's cache."""

from benchmarks.commands import Commands
from benchmarks.contenders.rows import looked_up


def commands() -> Commands:
    return looked_up("cachalot")
