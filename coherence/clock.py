import time

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds. Where there is such a clock it goes on while the machine sleeps, for so do others' commits."""
    return time.clock_gettime(CLOCK)
