"""A passage found for a question."""

from __future__ import annotations

from dataclasses import dataclass

from index.passages import Passage


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found, with its score and what it came from."""

    passage: Passage
    score: float
    keyword: float  # share of the score that the question's words could reach, 0 to 1
    meaning: float | None  # deviations above this folder's usual cosine; None without vectors
    features: tuple[float, ...] = ()  # what speaks for it, by qa.ranking.FEATURES; once ranked
    words: tuple[str, ...] = ()  # of its text, as written there, that a question's words found
