"""A process under test: `python -m tests.faults.worker [--without CURE …]`, with the service's environment.

It obeys commands on standard input and answers each on standard output, a line of JSON both ways, and ends with its
input. What goes wrong in a command ends it too, with the traceback on standard error. A read that fails is no such
thing: that is noted. The command `fork` makes another worker out of this one, in a hundredth of the time; a server
that forks its workers after loading the application does the same.
"""

import json
import os
import signal
import socket
import sys
from typing import Any

import django


class Channel:
    """The two ways of this process, which a stray print cannot reach."""

    def __init__(self) -> None:
        self.commands, self._answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def answer(self, value: object) -> None:
        self._answers.write(json.dumps(value) + "\n")
        self._answers.flush()

    def close(self) -> None:
        self.commands.close()
        self._answers.close()


def obey(channel: Channel) -> None:
    from tests.faults.commands import COMMANDS  # needs Django

    channel.answer(os.getpid())
    for line in channel.commands:
        arguments: dict[str, Any] = json.loads(line)
        command = arguments.pop("do")
        if command != "fork":
            channel.answer(COMMANDS[command](**arguments))
        elif fork(**arguments):
            channel.answer(None)
        else:
            channel.close()
            become_worker(arguments["without"])


def fork(path: str, without: list[str]) -> bool:
    """Whether we are still the parent. The child speaks through the Unix socket at `path` instead."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # or each dead child would stay in the process table
    if os.fork():
        return True
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        os.dup2(connection.fileno(), 0)
        os.dup2(connection.fileno(), 1)
    return False


def become_worker(without: list[str]) -> None:
    from tests.faults.mutations import CURES

    for cure in without:
        CURES[cure]()
    obey(Channel())
    os._exit(0)  # a reader that hangs must not keep us


if __name__ == "__main__":
    django.setup()
    import companion.urls  # noqa: F401  as a server has it: with the admin

    become_worker([word for word in sys.argv[1:] if word != "--without"])
