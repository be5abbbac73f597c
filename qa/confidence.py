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
LEAST_SHARED = 0.02  # of the question's weight: less is chance
# Logistic regression, fitted by `python -m benchmarks.fit confidence` (see benchmarks/README.md);
# the second set is for answers by words alone, while there are no vectors.
INTERCEPT = -3.049
WEIGHTS = (1.854, 1.617, 0.445, 0.156, 0.157, -3.558, -2.207, -4.207, -1.05)
INTERCEPT_BY_WORDS = -2.327
WEIGHTS_BY_WORDS = (1.974, 1.832, 0.593, 0.0, 0.0, -5.037, -2.348, -3.991, -0.779)


def confidence(question: Question, hits: Sequence[Hit]) -> float:
    """Probability that the best passage answers the question, 0 to 1; 0 without hits.

    0 also where it has no word in common with a Japanese question: near in meaning alone is seldom
    an answer there, and none that a reader could check.

    hits are as `qa.retrieve.search` ranks them.
    """
    if not hits:
        return 0.0
    by_words = all(hit.meaning is None for hit in hits)
    intercept = INTERCEPT_BY_WORDS if by_words else INTERCEPT
    weights = WEIGHTS_BY_WORDS if by_words else WEIGHTS
    values = features(question, hits)
    if values[FEATURES.index("sentences")] < LEAST_SHARED and not question.text.isascii():
        return 0.0
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
    weighted = list(zip(question.words, question.weights, strict=True))
    names = [w * _is_name(word, question.text) for word, w in weighted]
    nouns = [
        w * (word.pos in ("名詞", "code") and not _is_name(word, question.text))
        for word, w in weighted
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


def _is_name(word: Word, question: str) -> bool:
    """Whether a word names a thing: a code, a person, a place, or one in katakana or Latin.

    In an English question, where every word is Latin, one with a capital or a digit.
    """
    if word.pos == "code" and question.isascii():
        at = question.lower().find(word.surface)
        written = question[at : at + len(word.surface)] if at >= 0 else word.surface
        return written != written.lower() or any(map(str.isdigit, written))
    return word.pos in ("code", "人名", "地名") or bool(KATAKANA.fullmatch(word.surface))


def _weigh(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True))
