"""How likely the best passages answer a question: a calibrated probability, not a raw score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from index.words.tokens import KATAKANA, Word
from qa.fitted import read_fitted
from qa.hit import Hit
from qa.understanding.evidence import read
from qa.understanding.kinds import NO_KIND, kind_asked
from qa.understanding.question import Question

BOUND = 8.0  # Log odds of the reader's beyond this tell no more.
LEAST_SHARED = 0.02  # A smaller share of the question's weight is chance.
# Below it the notes are said not to answer: about 5 % of JaQuAD train's answerable questions fall
# below it where notes are bullets (benchmarks/README.md).
ANSWERS_FROM = 0.1


class Grounds(NamedTuple):
    """What confidence is judged by."""

    sentences: float  # The best hit's sign of that name.
    triples: float  # likewise
    lead: float  # how far its score stands above the second's
    meaning: float  # the nearest passage's cosine, in deviations above the usual one; 0 without any
    meaning_lead: float  # how far the best hit's own stands above any other's; below 0 where nearer
    missing_names: float  # share of the question's weight in names that the best hit lacks
    missing_nouns: float  # the same in other nouns
    names_nowhere: float  # the same in names that all of the hits lack
    kind_missing: float  # 1 where a person, time, place or number is asked for and it offers none
    answers: float  # the reader's log odds that the best hit answers; 0 where nothing was read
    answers_lead: float  # how far they stand above any other's
    sure: float  # how probable the reader's span in the best hit is, 0 to 1


class Model(NamedTuple):
    """A logistic regression over the grounds."""

    intercept: float
    weights: Grounds


MODELS = {  # one for each of what there may be: (a reader, vectors)
    (of["reader"], of["vectors"]): Model(of["intercept"], Grounds(**of["weights"]))
    for of in read_fitted("confidence")["models"]
}


def confidence(question: Question, hits: Sequence[Hit]) -> float:
    """Probability that the best passage answers the question, 0 to 1; 0 without hits.

    0 also where it has no word in common with a Japanese question: near in meaning alone is seldom
    an answer there, and none that a reader could check. And where it is of another day, number or
    code than the question's: a neighbour's line is no answer.

    hits are as `qa.rank.best_first` has them.
    """
    if not hits:
        return 0.0
    found, model = grounds(question, hits), MODELS[known(hits)]
    if found.sentences < LEAST_SHARED and not question.text.isascii():
        return 0.0
    if read(question, hits[0].passage).lacks_exact(question):
        return 0.0
    total = model.intercept + _weigh(found, model.weights)
    return 1 / (1 + math.exp(-total))


def known(hits: Sequence[Hit]) -> tuple[bool, bool]:
    """Whether some of the hits were read, and whether some have vectors."""
    return any(hit.finding for hit in hits), any(hit.meaning is not None for hit in hits)


def grounds(question: Question, hits: Sequence[Hit]) -> Grounds:
    """What there is to judge by; the first of the hits was ranked."""
    best = hits[0].signs
    if best is None:
        raise ValueError("the hits are not ranked")
    others = [hit.meaning or 0.0 for hit in hits[1:]]
    held = [read(question, hit.passage).held for hit in hits if hit.signs]
    lacking = [1 - evidence for evidence in held[0]]
    lacked = [1 - max(of_word) for of_word in zip(*held, strict=True)]
    weighted = list(zip(question.words, question.weights, strict=True))
    names = [w * _is_name(word, question.text) for word, w in weighted]
    nouns = [
        w * (word.pos in ("名詞", "code") and not _is_name(word, question.text))
        for word, w in weighted
    ]
    total = question.total_weight or 1.0
    answers, answers_lead, sure = _findings(hits)
    return Grounds(
        sentences=best.sentences,
        triples=best.triples,
        lead=hits[0].score - hits[1].score if len(hits) > 1 else 0.0,
        meaning=max([best.meaning, *others]),
        meaning_lead=best.meaning - max(others, default=0.0),
        missing_names=_weigh(lacking, names) / total,
        missing_nouns=_weigh(lacking, nouns) / total,
        names_nowhere=_weigh(lacked, names) / total,
        kind_missing=float(kind_asked(question.text) != NO_KIND and not best.kind),
        answers=answers,
        answers_lead=answers_lead,
        sure=sure,
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
