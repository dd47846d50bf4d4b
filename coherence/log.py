"""The former name of `coherence.change_log`, kept for projects that import from it what the README named."""

from coherence.change_log import NumberedQuery, Position

__all__ = ["NumberedQuery", "Position"]
