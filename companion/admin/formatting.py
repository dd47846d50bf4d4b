"""Numbers as people read them."""


def counted(count: int) -> str:
    """`1,234`."""
    return f"{count:,}"


def share(part: int, whole: int) -> str:
    """`66.7%`; a dash if there is nothing to have a share of."""
    return f"{part / whole:.1%}" if whole else "–"


def ago(seconds: float) -> str:
    """`0.4 s ago`, `3 min 5 s ago`."""
    return f"{seconds:.1f} s ago" if seconds < 10 else f"{lasting(int(seconds))} ago"


def lasting(seconds: int) -> str:
    """The two largest units: `23 h 59 min`."""
    for unit, name, size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name} {seconds % unit // size} {smaller}"
    return f"{seconds} s"
