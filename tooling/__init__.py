"""What dev.py consists of: the virtual environment, servers and commands. Standard library only, but for serve.py."""


class Refusal(Exception):
    """A problem that the person at the terminal must solve. dev.py prints it as one line, without a traceback."""
