"""The one error that dev.py shows to a person."""


class Refusal(Exception):
    """Something a person must decide or mend; printed as one line, without a traceback."""
