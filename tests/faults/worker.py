"""A process under test: `python -m tests.faults.worker`, with the service's environment.

It obeys commands on standard input and answers each on standard output, a line of JSON both ways, and ends with its
input. An error in a command ends it too, with the traceback on standard error; a read that fails is only recorded. The
command `fork` makes another worker out of this one, in a hundredth of the time; a server that forks its workers after
loading the application does the same.
"""

import json
import os
import signal
import socket
from typing import Any

import django


class Channel:
    """The two ways of this process, which a stray print cannot reach."""

    def __init__(self) -> None:
        self.commands, self._answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def answer(self, value: object) -> None:
        """Write one line of JSON."""
        self._answers.write(json.dumps(value) + "\n")
        self._answers.flush()

    def close(self) -> None:
        """Close both ways."""
        self.commands.close()
        self._answers.close()


def obey(channel: Channel) -> None:
    """Execute commands until the input ends."""
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
    """Return whether we are still the parent. The child speaks through the Unix socket at `path` instead."""
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
    """Switch off the cures named in `without`, obey until the input ends, and exit."""
    from tests.faults.fault_injection import CURES

    for cure in without:
        CURES[cure]()
    obey(Channel())
    os._exit(0)  # a reader that hangs must not keep us


if __name__ == "__main__":
    django.setup()
    import companion.urls  # noqa: F401  as a server has it: with the admin

    become_worker([])
