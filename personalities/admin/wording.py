"""Numbers as people read them."""


def counted(count: int) -> str:
    return f"{count:,}"


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def ago(seconds: float) -> str:
    return f"{seconds:.1f} s ago" if seconds < 10 else f"{lasting(int(seconds))} ago"


def lasting(seconds: int) -> str:
    """The two largest units: `23 h 59 min`."""
    for unit, name, size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name} {seconds % unit // size} {smaller}"
    return f"{seconds} s"
