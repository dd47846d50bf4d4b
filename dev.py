#!/usr/bin/env python3
"""The front door: run, test, check and measure Companion on any machine that has Python 3.11 or newer and nothing else.

python3 dev.py run [--port N] [--host H]   start everything and print where it is
python3 dev.py test [pytest arguments]     the suite on throw-away servers; --browser, --contract or --faults: those
python3 dev.py check                       style, types, imports, migrations, deployment settings
python3 dev.py bench [SECTION …]           measurements side by side with peers, into docs/benchmarks.md
python3 dev.py manage COMMAND …            a management command in the same environment
python3 dev.py --version                   the release of this clone
"""

from __future__ import annotations  # an older Python must get as far as the message below

import signal
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  this file is what an older Python meets first
        sys.exit(f"dev.py: Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    if arguments == ["--version"]:
        from companion import __version__

        print(f"Companion {__version__}")
        return 0
    from tooling import dotenv
    from tooling.errors import Refusal

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # unwinds what is open, as Ctrl-C does
    # A shell script's background job inherits a deaf ear for Ctrl-C; `kill -INT` must end it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        dotenv.load(Path(__file__).resolve().with_name(".env"))
        from tooling import verbs  # now that `.env` may have said where var/ is

        verb = verbs.BY_NAME.get(arguments[0]) if arguments else None
        return verb(arguments[1:]) if verb else sys.exit(__doc__)
    except Refusal as refusal:
        sys.exit(f"dev.py: {refusal}")
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
