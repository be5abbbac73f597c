"""How likely the best passages answer a question: a calibrated probability, not a raw score."""

from __future__ import annotations

import math
from collections.abc import Sequence

from index.tokens import KATAKANA, Word
from qa.answer_kind import NO_KIND, kind_asked
from qa.evidence import read
from qa.hit import Hit
from qa.question import Question
from qa.ranking import FEATURES as RANKING

FEATURES = (
    *("sentences", "triples", "lead", "meaning", "meaning_lead"),
    *("missing_names", "missing_nouns", "names_nowhere", "kind_missing"),
)
# Logistic regression, fitted by `python -m benchmarks.fit confidence` (see benchmarks/README.md);
# the second set is for answers by words alone, while there are no vectors.
INTERCEPT = -3.017
WEIGHTS = (1.724, 1.619, 0.454, 0.174, 0.156, -3.82, -2.026, -3.71, -1.098)
INTERCEPT_BY_WORDS = -2.239
WEIGHTS_BY_WORDS = (1.915, 1.902, 0.594, 0.0, 0.0, -4.877, -2.191, -3.7, -0.901)


def confidence(question: Question, hits: Sequence[Hit]) -> float:
    """Probability that the best passage answers the question, 0 to 1; 0 without hits.

    hits are as `qa.retrieve.search` ranks them.
    """
    if not hits:
        return 0.0
    by_words = all(hit.meaning is None for hit in hits)
    intercept = INTERCEPT_BY_WORDS if by_words else INTERCEPT
    weights = WEIGHTS_BY_WORDS if by_words else WEIGHTS
    values = features(question, hits)
    total = intercept + _weigh(values, weights)
    return 1 / (1 + math.exp(-total))


def features(question: Question, hits: Sequence[Hit]) -> tuple[float, ...]:
    """What confidence is judged by, in the order of FEATURES.

    sentences, triples: as the best hit is ranked by.
    lead: how far its score stands above the second's.
    meaning: the nearest passage's cosine, in deviations above the usual one; 0 without vectors.
    meaning_lead: how far the best hit's own stands above any other's; below 0 where one is nearer.
    missing_names, missing_nouns: share of the question's weight in such words that it lacks.
    names_nowhere: share in names that all of the hits lack.
    kind_missing: 1 where a person, time, place or number is asked for, and it has none to offer.
    """
    best = dict(zip(RANKING, hits[0].features, strict=True))
    others = [hit.meaning or 0.0 for hit in hits[1:]]
    held = [read(question, hit.passage).held for hit in hits if hit.features]
    lacking = [1 - evidence for evidence in held[0]]
    lacked = [1 - max(of_word) for of_word in zip(*held, strict=True)]
    names = [w * _is_name(word) for word, w in zip(question.words, question.weights, strict=True)]
    nouns = [
        w * (word.pos == "名詞" and not _is_name(word))
        for word, w in zip(question.words, question.weights, strict=True)
    ]
    total = question.total_weight or 1.0
    return (
        best["sentences"],
        best["triples"],
        hits[0].score - hits[1].score if len(hits) > 1 else 0.0,
        max([best["meaning"], *others]),
        best["meaning"] - max(others, default=0.0),
        _weigh(lacking, names) / total,
        _weigh(lacking, nouns) / total,
        _weigh(lacked, names) / total,
        float(kind_asked(question.text) != NO_KIND and not best["kind"]),
    )


def _is_name(word: Word) -> bool:
    """Whether a word names a thing: a code, a person, a place, or one in katakana or Latin."""
    return word.pos in ("code", "人名", "地名") or bool(KATAKANA.fullmatch(word.surface))


def _weigh(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True))
