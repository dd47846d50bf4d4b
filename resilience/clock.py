"""The clock by which this project measures how long ago something happened."""

import time
from functools import partial

CLOCK_ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# Monotonic seconds. CLOCK_BOOTTIME, where it exists, keeps counting while the machine sleeps, as commits elsewhere do.
clock = partial(time.clock_gettime, CLOCK_ID)
