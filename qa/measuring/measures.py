"""Measures of ranking and refusal: small pure functions, each with its formula and source."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 1_000  # of a bootstrap: the ends of an interval then waver by about a hundredth
SEED = 1  # the same numbers give the same interval, in any process
COVERAGE = 0.95


def recall(ranks: Sequence[int | None], k: int) -> float:
    """Share of the wanted lines that the first k hits cover, 0 to 1.

    recall@k = |{i : rank_i <= k}| / n, for one question with n wanted lines; ranks count from 1,
    None where no hit covers the line.
    """
    return mean([float(rank is not None and rank <= k) for rank in ranks])


def reciprocal_rank(ranks: Sequence[int | None]) -> float:
    """1 / rank of the first hit that covers a wanted line; 0 where none does.

    Source: Voorhees, TREC-8 Question Answering Track, 1999.
    """
    return 1 / min((rank for rank in ranks if rank), default=float("inf"))


def ndcg(ranks: Sequence[int | None], passages: int, k: int) -> float:
    """Normalised discounted cumulative gain of the first k hits, 0 to 1; gains are 0 or 1.

    DCG@k = sum of 1 / log2(1 + rank) over the hits within the first k that are the first to cover
    a wanted line. nDCG@k = DCG@k over that of the best ranking, which has the passages that hold
    the wanted lines on ranks 1, 2, … 0 where nothing is wanted.

    Source: Järvelin and Kekäläinen, ACM TOIS 20(4), 2002; with the discount log2(1 + rank) of
    Burges et al., ICML 2005, as trec_eval has it.

    Args:
        ranks: of each wanted line the first hit that covers it, from 1; None where none does.
        passages: the fewest passages that hold all wanted lines.
        k: how many hits count.
    """

    def gain(found: set[int]) -> float:
        return sum(1 / math.log2(1 + rank) for rank in sorted(found))

    best = gain(set(range(1, min(passages, k) + 1)))
    return gain({rank for rank in ranks if rank and rank <= k}) / best if best else 0.0


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Probability that a positive scores above a negative, ties counting half.

    AUROC = U / (n m), with Mann and Whitney's U; 0.5 says nothing is told apart. 0.5 where one side
    is empty.
    """
    if not positive or not negative:
        return 0.5
    ordered = sorted(negative)
    below = [(bisect_left(ordered, p) + bisect_right(ordered, p)) / 2 for p in positive]
    return sum(below) / (len(positive) * len(negative))


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def resampled_means(values: Sequence[float]) -> NDArray[np.float64]:
    """(RESAMPLES,) means of as many values, drawn from these with replacement.

    Lists of one length are drawn alike, so differences of two are those of paired resamples.
    Source: Efron, Annals of Statistics 7(1), 1979.

    Raises:
        ValueError: there are no values.
    """
    given = np.asarray(values, np.float64)
    draws = _draws(len(given), SEED)
    return np.array([given[next(draws)].mean() for _ in range(RESAMPLES)])


def resampled_aurocs(positive: Sequence[float], negative: Sequence[float]) -> NDArray[np.float64]:
    """(RESAMPLES,) AUROCs of as many positives and negatives, each side drawn from itself.

    Lists of one length are drawn alike, as in `resampled_means`.

    Raises:
        ValueError: one side is empty.
    """
    ordered = np.sort(np.asarray(negative, np.float64))
    given = np.asarray(positive, np.float64)
    # How often each value was drawn takes the place of drawing: one side is then sorted once.
    first, last = (np.searchsorted(ordered, given, side) for side in ("left", "right"))
    order = np.argsort(np.asarray(negative, np.float64), kind="stable")
    ours, theirs = _draws(len(given), SEED), _draws(len(ordered), SEED + 1)
    found = np.empty(RESAMPLES)
    for at in range(RESAMPLES):
        counts = np.bincount(next(theirs), minlength=len(ordered))[order]
        below = np.concatenate([[0], np.cumsum(counts)])
        drawn = next(ours)
        found[at] = (below[first[drawn]] + below[last[drawn]]).mean() / 2
    return found / len(ordered)


def interval(samples: NDArray[np.float64]) -> tuple[float, float]:
    """The ends between which the middle 95 % of resamples lie: the bootstrap's percentile interval.

    It cannot see beyond its sample: 20 right of 20 give (1, 1), though one in seven may go wrong.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    low, high = np.quantile(samples, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _draws(count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """RESAMPLES times count indexes below count, drawn with replacement."""
    if not count:
        raise ValueError("there are no values to draw from")
    generator = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield generator.integers(count, size=count)
