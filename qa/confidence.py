"""How likely the best passages answer a question: a calibrated probability, not a raw score."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qa.question import HEADING_EVIDENCE, Question, content, evidence
from qa.retrieve import Hit

FEATURES = ("held", "missing", "keyword", "meaning", "margin")
# Logistic regression, fitted by `python -m benchmarks.fit_confidence` (see benchmarks/README.md).
INTERCEPT = -6.019
WEIGHTS = (6.57, -0.775, -1.396, 0.152, 5.129)


def confidence(question: Question, hits: Sequence[Hit]) -> float:
    """Probability that the best passage answers the question, 0 to 1; 0 without hits."""
    if not hits:
        return 0.0
    total = INTERCEPT + sum(
        weight * value for weight, value in zip(WEIGHTS, features(question, hits), strict=True)
    )
    return 1 / (1 + math.exp(-total))


def features(question: Question, hits: Sequence[Hit]) -> tuple[float, ...]:
    """What confidence is judged by, in the order of FEATURES.

    held: share of the question's weight that the best passage holds, headings at half.
    missing: share of its weight that is held by no hit at all.
    keyword: the best passage's keyword share.
    meaning: the nearest passage's cosine, in deviations above the usual one; 0 without vectors.
    margin: how far the best passage's score stands above the second's.
    """
    held_by = [_held(question, hit) for hit in hits]
    total = question.total_weight or 1.0
    held = sum(w * share for w, share in zip(question.weights, held_by[0], strict=True)) / total
    best = [max(shares) for shares in zip(*held_by, strict=True)]
    missing = sum(w * (1 - share) for w, share in zip(question.weights, best, strict=True)) / total
    meaning = max((hit.meaning for hit in hits if hit.meaning is not None), default=0.0)
    margin = hits[0].score - hits[1].score if len(hits) > 1 else 0.0
    return held, missing, hits[0].keyword, meaning, margin


def _held(question: Question, hit: Hit) -> list[float]:
    text = content(hit.passage.text)
    above = content(" ".join(hit.passage.heading))
    return [
        max(evidence(word, text), HEADING_EVIDENCE * evidence(word, above))
        for word in question.words
    ]
