"""How requests are counted by the time that they took."""

import pytest

from companion.request_metrics import BOUNDS, RequestCounts, count


def test_counts__of_several_times__in_cumulative_buckets_and_a_sum() -> None:
    """What takes exactly a bound is within it."""
    made = RequestCounts()
    row = made.row("/here/", "GET", 200)
    for seconds in (0.0005, BOUNDS[0], 0.002, BOUNDS[-1], 61.0):
        count(row, seconds)
    requests, seconds_taken = made.collect()
    assert [(sample.value, sample.labels) for sample in requests.samples] == [
        (5, {"route": "/here/", "method": "GET", "status": "200"})
    ]
    *buckets, number, total = [sample.value for sample in seconds_taken.samples]
    assert buckets == [2, *[3] * (len(BOUNDS) - 2), 4, 5]
    assert number == 5
    assert total == pytest.approx(0.0005 + BOUNDS[0] + 0.002 + BOUNDS[-1] + 61.0)
    assert [sample.labels["le"] for sample in seconds_taken.samples[:-2]] == [*map(str, BOUNDS), "+Inf"]


def test_counts__of_kinds__apart_and_those_that_never_came_left_out() -> None:
    made = RequestCounts()
    count(made.row("/here/", "GET", 200), 0.1)
    count(made.row("/here/", "GET", 200), 0.1)
    count(made.row("/here/", "GET", 0), 0.1)
    made.row("/there/", "GET", 200)
    requests, _ = made.collect()
    found = {(sample.labels["route"], sample.labels["status"]): sample.value for sample in requests.samples}
    assert found == {("/here/", "200"): 2, ("/here/", "none"): 1}


def test_counts__of_several_methods__their_times_together() -> None:
    """Else whoever tries every method at every address makes thousands of samples, and scrapes slow."""
    made = RequestCounts()
    for method in ("GET", "POST", "PUT"):
        count(made.row("/here/", method, 405), 0.1)
    requests, seconds = made.collect()
    assert [sample.labels["method"] for sample in requests.samples] == ["GET", "POST", "PUT"]
    assert len(seconds.samples) == len(BOUNDS) + 3
    assert seconds.samples[-2].value == 3
    assert seconds.samples[-1].value == pytest.approx(0.3)
    assert seconds.samples[-1].labels == {"route": "/here/", "status": "405"}


def test_bounds__as_published__for_the_queries_of_dashboards() -> None:
    assert BOUNDS == (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
