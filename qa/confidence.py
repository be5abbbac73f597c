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
    *("answers", "answers_lead", "sure"),
)
BOUND = 8.0  # of the reader's log odds: beyond it no more is known
LEAST_SHARED = 0.02  # of the question's weight: less is chance
# Logistic regressions, intercept and weights, fitted by `python -m benchmarks.fit confidence` (see
# benchmarks/README.md): one for each of what there may be, (a reader, vectors).
FITTED = {
    (True, True): (
        -3.882,
        (2.638, 0.646, 0.304, 0.101, 0.375, -1.274, 0.381, -4.033, 0.221, 0.302, -0.08, -0.348),
    ),
    (True, False): (
        -3.562,
        (2.935, 0.981, 0.37, 0.0, 0.0, -1.147, 0.618, -5.697, 0.788, 0.345, -0.189, -0.395),
    ),
    (False, True): (
        -3.315,
        (2.501, 0.884, 0.457, 0.139, 0.494, -2.27, -1.749, -4.89, -0.904, 0.0, 0.0, 0.0),
    ),
    (False, False): (
        -3.525,
        (3.6, 1.42, 0.598, 0.0, 0.0, -2.333, -1.423, -6.29, -0.951, 0.0, 0.0, 0.0),
    ),
}


def confidence(question: Question, hits: Sequence[Hit]) -> float:
    """Probability that the best passage answers the question, 0 to 1; 0 without hits.

    0 also where it has no word in common with a Japanese question: near in meaning alone is seldom
    an answer there, and none that a reader could check.

    hits are as `qa.rerank.best_first` has them.
    """
    if not hits:
        return 0.0
    intercept, weights = FITTED[known(hits)]
    values = features(question, hits)
    if values[FEATURES.index("sentences")] < LEAST_SHARED and not question.text.isascii():
        return 0.0
    total = intercept + _weigh(values, weights)
    return 1 / (1 + math.exp(-total))


def known(hits: Sequence[Hit]) -> tuple[bool, bool]:
    """Whether some of the hits were read, and whether some have vectors."""
    return any(hit.finding for hit in hits), any(hit.meaning is not None for hit in hits)


def features(question: Question, hits: Sequence[Hit]) -> tuple[float, ...]:
    """What confidence is judged by, in the order of FEATURES.

    sentences, triples: as the best hit is ranked by.
    lead: how far its score stands above the second's.
    meaning: the nearest passage's cosine, in deviations above the usual one; 0 without vectors.
    meaning_lead: how far the best hit's own stands above any other's; below 0 where one is nearer.
    missing_names, missing_nouns: share of the question's weight in such words that it lacks.
    names_nowhere: share in names that all of the hits lack.
    kind_missing: 1 where a person, time, place or number is asked for, and it has none to offer.
    answers: the reader's log odds that the best hit answers; 0 where nothing was read.
    answers_lead: how far they stand above any other's.
    sure: how probable the reader's span in the best hit is.
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
        *_findings(hits),
    )


def _findings(hits: Sequence[Hit]) -> tuple[float, float, float]:
    best = hits[0].finding
    if best is None:
        return 0.0, 0.0, 0.0
    odds = [max(-BOUND, min(hit.finding.answers, BOUND)) for hit in hits if hit.finding]
    return odds[0], odds[0] - max(odds[1:], default=-BOUND), best.sure


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
