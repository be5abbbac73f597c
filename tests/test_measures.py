"""Measures by arithmetic that a reader can redo."""

from math import log2, sqrt

import pytest

from qa.measuring.measures import (
    auroc,
    interval,
    mean,
    ndcg,
    percentile,
    recall,
    reciprocal_rank,
    resampled_aurocs,
    resampled_means,
)


def test_recall_counts_wanted_lines() -> None:
    assert recall([1, 4, None], 3) == 1 / 3
    assert recall([1, 4, None], 5) == 2 / 3
    assert recall([], 5) == 0


def test_reciprocal_rank_is_of_the_first() -> None:
    assert reciprocal_rank([4, 2, None]) == 1 / 2
    assert reciprocal_rank([None]) == reciprocal_rank([]) == 0


def test_ndcg_discounts_by_rank() -> None:
    assert ndcg([1], 1, 10) == 1
    assert ndcg([3], 1, 10) == 1 / log2(4) == 1 / 2
    assert ndcg([1, 4], 2, 10) == (1 + 1 / log2(5)) / (1 + 1 / log2(3))
    assert ndcg([1, None], 2, 10) == 1 / (1 + 1 / log2(3))


def test_ndcg_counts_a_passage_once() -> None:
    assert ndcg([2, 2], 1, 10) == 1 / log2(3)  # one passage holds both lines
    assert ndcg([1, 2, 2], 2, 10) == 1


def test_ndcg_sees_no_further_than_k() -> None:
    assert ndcg([11], 1, 10) == ndcg([None], 1, 10) == ndcg([], 0, 10) == 0
    assert ndcg([1, 2, 3], 3, 2) == 1  # no ranking of two does better


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    assert auroc([0.9, 0.4], [0.1, 0.4]) == (1 + 1 + 1 + 0.5) / 4
    assert auroc([1], []) == 0.5


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.75, 3), (0.95, 4), (1, 4), (0, 1)])
def test_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile([3, 1, 4, 2], share) == expected
    assert percentile([], share) == mean([]) == 0


def test_an_interval_is_as_wide_as_the_normal_law_says() -> None:
    """1.96 standard errors either side of the mean, where there are many questions."""
    for count in (100, 400):
        low, high = interval(resampled_means([1.0, 0.0] * (count // 2)))
        error = 1.96 * sqrt(0.25 / count)
        assert low == pytest.approx(0.5 - error, abs=error / 5)
        assert high == pytest.approx(0.5 + error, abs=error / 5)


def test_an_interval_is_the_same_each_time_and_a_point_where_nothing_varies() -> None:
    assert interval(resampled_means([0.2, 0.9, 0.4])) == interval(resampled_means([0.2, 0.9, 0.4]))
    assert interval(resampled_means([1.0] * 20)) == (1, 1)
    with pytest.raises(ValueError, match="no values"):
        resampled_means([])


def test_lists_of_one_length_are_drawn_alike() -> None:
    old, new = [0.0, 1.0, 0.0, 1.0, 1.0], [0.5, 1.5, 0.5, 1.5, 1.5]
    low, high = interval(resampled_means(new) - resampled_means(old))
    assert (low, high) == pytest.approx((0.5, 0.5))
    assert not (resampled_aurocs(new, old) - resampled_aurocs(new, old)).any()


def test_resampled_aurocs_are_those_of_drawn_lists() -> None:
    ours, theirs = [0.1 * at for at in range(30)], [0.1 * at - 1 for at in range(20)]
    samples = resampled_aurocs(ours, theirs)
    low, high = interval(samples)
    assert low < auroc(ours, theirs) < high
    assert samples.mean() == pytest.approx(auroc(ours, theirs), abs=0.01)
    assert set(resampled_aurocs([1, 1], [1, 1, 1])) == {0.5}  # ties count half
    assert set(resampled_aurocs([3, 2], [1, 0])) == {1}
