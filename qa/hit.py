"""A passage found for a question, and what the reader makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from index.passages import Passage


@dataclass(frozen=True, slots=True)
class Finding:
    """What the reader makes of a passage for a question."""

    answers: float  # log odds that it answers, of the window that answers best
    start: int  # of the likeliest answer, in characters of the passage's text
    end: int
    sure: float  # probability of that start and end, if the passage answers


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found, with its score and what it came from."""

    passage: Passage
    score: float
    keyword: float  # share of the score that the question's words could reach, 0 to 1
    meaning: float | None  # deviations above this folder's usual cosine; None without vectors
    features: tuple[float, ...] = ()  # what speaks for it, by qa.ranking.FEATURES; once ranked
    words: tuple[str, ...] = ()  # of its text, as written there, that a question's words found
    finding: Finding | None = None  # of a hit that was read
