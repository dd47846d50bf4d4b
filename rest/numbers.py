"""Numbers as they stand in addresses, forms and command lines."""


def is_whole_number(text: str, max_digits: int | None = None) -> bool:
    """Whether `text` consists of digits 0 to 9 alone, at least one and, unless None, at most `max_digits` of them.

    `str.isdigit` is also true of other scripts, and `int` takes signs, spaces and underscores.
    """
    return text.isascii() and text.isdigit() and (max_digits is None or len(text) <= max_digits)
