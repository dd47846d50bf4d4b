"""The headers that tell a caller about their limit."""

from rate_limits.gcra import Verdict
from rate_limits.limiter import headers


def test_headers__allowed__both_drafts_and_no_retry() -> None:
    assert headers(Verdict(True, 30, 60, 12, 35.2, 0)) == {
        "RateLimit-Policy": '"default";q=30;w=60',
        "RateLimit": '"default";r=12;t=36',
        "RateLimit-Limit": "30",
        "RateLimit-Remaining": "12",
        "RateLimit-Reset": "36",
    }


def test_headers__refused__retry_after_rounded_up_and_never_nought() -> None:
    assert headers(Verdict(False, 30, 60, 0, 60, 1.01))["Retry-After"] == "2"
    assert headers(Verdict(False, 30, 60, 0, 60, 0.0))["Retry-After"] == "1"
