"""As many requests as a server can take: from wrk where there is one, else from our own driver."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tooling.environment import ROOT

CONNECTIONS = 32
SCRIPT = Path(__file__).with_name("wrk.lua")


class Load(NamedTuple):
    """`rate` in requests a second, `p50` and `p99` in milliseconds."""

    rate: float
    p50: float
    p99: float


def source(seconds: float) -> str:
    """wrk counts whole seconds only."""
    return "wrk" if shutil.which("wrk") and seconds >= 1 else "our own driver"


def load(url: str, headers: Mapping[str, str], seconds: float) -> Load:
    """GET `url` over CONNECTIONS connections. An answer other than 200 would make the figures worthless."""
    (header,) = (f"{name}: {value}" for name, value in headers.items())
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", f"-H{header}", f"-s{SCRIPT}", url]
    own = [sys.executable, "-m", "benchmarks.driver", url, header, str(CONNECTIONS), str(seconds)]
    command = wrk if source(seconds) == "wrk" else own
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    got = json.loads(printed.splitlines()[-1])
    if got["failed"]:
        raise RuntimeError(f"{url}: {got['failed']} of {got['requests']} requests failed")
    return Load(got["requests"] / got["seconds"], got["p50"], got["p99"])
