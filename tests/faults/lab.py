"""A worker that measures as well: `python -m tests.faults.lab [--without CURE …]`."""

import sys

import django

from tests.faults.worker import become_worker

if __name__ == "__main__":
    django.setup()
    import companion.urls  # noqa: F401  as a server has it: with the admin
    from tests.faults.commands import COMMANDS
    from tests.faults.measures import MEASURES
    from tests.faults.mutations import CURES
    from tests.faults.protections import PROTECTIONS

    COMMANDS.update(MEASURES)
    CURES.update(PROTECTIONS)
    become_worker([word for word in sys.argv[1:] if word != "--without"])
