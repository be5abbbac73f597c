"""Measures of ranking and refusal: small pure functions, each with its formula."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


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
