"""The process of one contender: `python -m benchmarks.contender NAME`, of a file in benchmarks/contenders.

It obeys commands on standard input and answers each on standard output, a line of JSON both ways, and ends with its
input. Its first line is null, or why it cannot take part. `turns.py` is the other side.
"""

import json
import os
import sys
from importlib import import_module

from benchmarks.commands import Commands, Refused


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # a stray print is no answer
    try:
        commands: Commands = import_module(f"benchmarks.contenders.{sys.argv[1]}").commands()
    except Refused as refusal:
        print(json.dumps(str(refusal)), file=answers)
        return
    print("null", file=answers)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(commands[order.pop("do")](**order)), file=answers)


if __name__ == "__main__":
    main()
