"""Which numbers of commits are remembered, and from where on they are complete."""

import pytest

from coherence.commits import Commits

CAPACITY = 4


@pytest.fixture
def commits() -> Commits:
    return Commits(10, CAPACITY)


def known(commits: Commits) -> list[int]:
    return [number for number in range(30) if number in commits]


def test_append__numbers__each_once(commits: Commits) -> None:
    for number in (11, 11, 14):
        commits.append(number)
    assert known(commits) == [11, 14]
    assert len(commits) == 2
    assert commits.since == 10


def test_append__too_many__the_lower_half_is_dropped(commits: Commits) -> None:
    for number in (11, 12, 13, 14):
        commits.append(number)
    assert (known(commits), commits.since) == ([11, 12, 13, 14], 10)
    commits.append(15)
    assert (known(commits), commits.since) == ([13, 14, 15], 13)


def test_add__older_ones__complete_from_the_same_number_on(commits: Commits) -> None:
    commits.append(11)
    commits.add([5, 11, 3])
    assert (known(commits), len(commits), commits.since) == ([3, 5, 11], 3, 10)
    commits.append(12)
    assert known(commits) == [3, 5, 11, 12]


def test_add__too_many_older_ones__bounded_and_complete_from_no_lower_number_on(commits: Commits) -> None:
    for number in range(9):
        commits.add([number])
        assert len(commits) <= CAPACITY
        assert commits.since == 10
    assert 8 in commits


def test_add_all__older_ones__complete_from_there_on(commits: Commits) -> None:
    commits.append(11)
    commits.add_all([7, 9], 7)
    assert (known(commits), commits.since) == ([7, 9, 11], 7)
    commits.add_all([], 20)
    assert commits.since == 7


def test_add_all__too_many__the_lower_half_is_dropped(commits: Commits) -> None:
    commits.append(11)
    commits.add_all([3, 4, 5, 6], 3)
    assert (known(commits), commits.since) == ([5, 6, 11], 5)
