"""Measures by arithmetic that a reader can redo."""

import pytest

from qa.measures import auroc, mean, percentile, recall, reciprocal_rank


def test_recall_counts_wanted_lines() -> None:
    assert recall([1, 4, None], 3) == 1 / 3
    assert recall([1, 4, None], 5) == 2 / 3
    assert recall([], 5) == 0


def test_reciprocal_rank_is_of_the_first() -> None:
    assert reciprocal_rank([4, 2, None]) == 1 / 2
    assert reciprocal_rank([None]) == reciprocal_rank([]) == 0


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    assert auroc([0.9, 0.4], [0.1, 0.4]) == (1 + 1 + 1 + 0.5) / 4
    assert auroc([1], []) == 0.5


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.75, 3), (0.95, 4), (1, 4), (0, 1)])
def test_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile([3, 1, 4, 2], share) == expected
    assert percentile([], share) == mean([]) == 0
