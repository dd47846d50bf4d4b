import time
from functools import partial

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# Seconds. Where there is such a clock it goes on while the machine sleeps, for so do others' commits.
clock = partial(time.clock_gettime, CLOCK)
