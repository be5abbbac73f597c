"""A passage found for a question, and what the reader makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from index.passages import Passage


class Signs(NamedTuple):
    """What speaks for a passage, seen beside the other hits of its question."""

    keyword: float  # its share of the keyword score that the question could reach
    meaning: float  # its cosine to the question, in deviations above the usual one; 0 without any
    sentences: float  # share of the question's weight in its best two sentences side by side
    distinctive: float  # share in its best sentence, a word weighing more the fewer hits hold it
    triples: float  # share of the question's runs of three letters, weighed in the same way
    kind: float  # 1 where a person, time, place or number is asked for and it offers one, else 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What the reader makes of a passage for a question."""

    answers: float  # log odds that it answers, of the window that answers best
    start: int  # Where the likeliest answer begins, in characters of the passage.
    end: int
    sure: float  # probability of that start and end, if the passage answers


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found, with its score and what it came from."""

    passage: Passage
    score: float
    keyword: float  # share of the score that the question's words could reach, 0 to 1
    meaning: float | None  # deviations above this folder's usual cosine; None without vectors
    signs: Signs | None = None  # Only a hit that was ranked has them.
    words: tuple[str, ...] = ()  # What the question's words found in its text.
    finding: Finding | None = None  # Only a hit that was read has one.
