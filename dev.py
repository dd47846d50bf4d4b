#!/usr/bin/env python3
"""Run, test, check and measure Companion on any machine that has Python 3.11 or newer and nothing else.

python3 dev.py run [--port N] [--host H]   start everything and print where it is
python3 dev.py test [pytest arguments]     the suite on throw-away servers; --browser, --clients, …: those
python3 dev.py check                       style, types, imports, migrations, deployment settings; --figures: sizes
python3 dev.py bench [SECTION …]           measurements side by side with peers, into docs/benchmarks.md
python3 dev.py docs                        README and docs/ as a site, in var/docs/site
python3 dev.py manage COMMAND …            a management command in the same environment
python3 dev.py --version                   the release of this clone
"""

from __future__ import annotations  # an older Python must get as far as the message below

import signal
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run the command that `arguments` begin with; return its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036  this file is what an older Python meets first
        sys.exit(f"dev.py: Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    if arguments == ["--version"]:
        from companion import __version__

        print(f"Companion {__version__}")
        return 0
    from tooling import Refusal, commands
    from tooling.environment import load_dotenv

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # closes what is open, as Ctrl-C does
    # A background job of a shell script ignores SIGINT by default; `kill -INT` must end it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        load_dotenv(Path(__file__).resolve().with_name(".env"))
        command = commands.BY_NAME.get(arguments[0]) if arguments else None
        return command(arguments[1:]) if command else sys.exit(__doc__)
    except Refusal as refusal:
        sys.exit(f"dev.py: {refusal}")
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
