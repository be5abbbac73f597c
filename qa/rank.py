"""The order of the best passages: a weighted sum of what speaks for each, and what a reader finds.

    Hit[] ─ rank by words and vectors ▶ the first few ─ reader ▶ Finding[] ▶ weigh both ▶ Hit[]

Search finds a hundred passages by scores that look at one passage at a time. Here the first twenty
are seen beside each other: a word that all of them hold tells nothing, one that few hold tells
much. Half of those that the reader may read are read at first, the others where these do not
settle it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from index.passages import Passage, label
from qa.fitted import read_fitted
from qa.hit import Finding, Hit, Signs
from qa.reader import load_reader
from qa.understanding.evidence import Reading, content, read, with_headings
from qa.understanding.kinds import kind_asked, offers
from qa.understanding.question import Question

RANKED = 20  # passages read: 99.6 % of JaQuAD dev's questions have the right one among them
# What a passage that cannot answer keeps of its score: one that says nothing but the question's own
# words, or the title of another that is found, unless it has what is asked for (a speaker, a date).
SILENT = 0.25

# Softmax regression over the first twenty; benchmarks/README.md has what each sign is worth.
WEIGHTS: dict[str, float] = read_fitted("ranking")["weights"]
FIRST = 3  # passages that are always read
READ = 6  # passages at most: the right one is among them as a rule, and more take too long
SETTLED = 2.0  # log odds that one of the first answers, from which no more are read
# What a log odd of the reader's is worth against the score of words and vectors.
WEIGHT: float = read_fitted("reader")["weight"]

Read: TypeAlias = Callable[[str, Sequence[Passage]], Sequence[Finding | None]]


def rank(question: Question, hits: Sequence[Hit]) -> list[Hit]:
    """The hits with their final scores, best first; those after the first RANKED keep their order.

    A score is the sum of signs times weights: comparable among the hits of one question.
    """
    first, rest = list(hits[:RANKED]), hits[RANKED:]
    if not first:
        return []
    titles = {title for hit in first for title in hit.passage.heading}
    scored = [
        replace(hit, score=_score(question, hit, signs, titles), signs=signs)
        for hit, signs in zip(first, read_signs(question, first), strict=True)
    ]
    ranked = sorted(scored, key=lambda hit: -hit.score)  # stable: ties stay in search's order
    worst, last = ranked[-1].score, first[-1].score
    return ranked + [replace(hit, score=worst - (last - hit.score)) for hit in rest]


def read_signs(question: Question, hits: Sequence[Hit]) -> list[Signs]:
    """What speaks for each of some hits; headings count for less than the text."""
    readings = [read(question, hit.passage) for hit in hits]
    triples_held = [
        [float(triple in reading.folded) for triple in question.triples] for reading in readings
    ]
    rarity_of_triples = _rarity(triples_held)
    rarity_of_words = _rarity([reading.own for reading in readings])
    distinctive = [w * r for w, r in zip(question.weights, rarity_of_words, strict=True)]
    kind = kind_asked(question.text)
    return [
        Signs(
            keyword=hit.keyword,
            meaning=hit.meaning or 0.0,
            sentences=_best_share(_side_by_side(reading.sentences), reading, question.weights),
            distinctive=_best_share(reading.sentences, reading, distinctive),
            triples=share(held, rarity_of_triples),
            kind=float(offers(hit.passage, kind, question.text)),
        )
        for hit, reading, held in zip(hits, readings, triples_held, strict=True)
    ]


def share(held: Sequence[float], weights: Sequence[float]) -> float:
    """How much of some weights is held, 0 to 1; 0 where nothing has weight."""
    total = sum(weights)
    return sum(h * w for h, w in zip(held, weights, strict=True)) / total if total else 0.0


def earned_by_meaning(hit: Hit) -> float:
    """The share of a ranked hit's score that came from vectors, 0 to 1; the rest is from words."""
    if hit.signs is None:
        return 0.0
    parts = {name: max(WEIGHTS[name] * of, 0.0) for name, of in hit.signs._asdict().items()}
    total = sum(parts.values())
    return parts["meaning"] / total if total else 0.0


def _score(question: Question, hit: Hit, signs: Signs, titles: Set[str]) -> float:
    score: float = sum(WEIGHTS[name] * value for name, value in signs._asdict().items())
    title = label(hit.passage.text) in titles and not signs.kind
    silent = title or (not signs.kind and not says_more(question, hit.passage))
    silent = silent or _is_no_answer(question, hit)
    return SILENT * score if silent and score > 0 else score


def _is_no_answer(question: Question, hit: Hit) -> bool:
    """Whether a hit asks itself, or is of another day, number or code than the question's."""
    return hit.passage.asks or read(question, hit.passage).lacks_exact(question)


def says_more(question: Question, passage: Passage) -> bool:
    """Whether a passage holds a content word that the question does not."""
    asked = {term for word in question.words for term in word.all_terms}
    return any(
        not asked.intersection(word.all_terms)
        for text in read(question, passage).texts
        for word in content(text).words
    )


def _best_share(
    texts: Sequence[Sequence[float]], reading: Reading, weights: Sequence[float]
) -> float:
    """The share that the best of some texts of a passage holds, with headings counted for less."""
    return max((share(with_headings(held, reading.above), weights) for held in texts), default=0.0)


def _side_by_side(sentences: Sequence[Sequence[float]]) -> list[list[float]]:
    """Evidence in each two sentences that follow one another; in a lone one by itself."""
    pairs = pairwise(sentences) if len(sentences) > 1 else [(one, one) for one in sentences]
    return [list(map(max, one, other)) for one, other in pairs]


def _rarity(held: Sequence[Sequence[float]]) -> list[float]:
    """For each thing that hits hold or not, the logarithm of how few do; above 0."""
    return [math.log((len(held) + 1) / (sum(of_one) + 0.5)) for of_one in zip(*held, strict=True)]


def best_first(question: Question, hits: Sequence[Hit]) -> list[Hit]:
    """The hits with their final scores, best first; those that nobody looked at keep their order.

    Without a reader, as `qa.rank.rank` has them.
    """
    ranked = rank(question, hits)
    reader = load_reader()
    return weigh(look(question, ranked, reader.read)) if reader else ranked


def look(question: Question, hits: Sequence[Hit], reader: Read) -> list[Hit]:
    """The hits as they stand, the first FIRST or READ with what the reader finds in them.

    What only asks, or is of another day, number or code than the question's, is not read.
    """
    able = [hit for hit in hits if hit.signs and not _is_no_answer(question, hit)]
    seen: dict[Passage, Finding | None] = {}
    for end in (FIRST, READ):
        new = [hit.passage for hit in able[len(seen) : end]]
        seen |= zip(new, reader(question.text, new), strict=True)
        if any(found.answers >= SETTLED for found in seen.values() if found):
            break
    return [replace(hit, finding=seen.get(hit.passage)) for hit in hits]


def weigh(hits: Sequence[Hit]) -> list[Hit]:
    """The hits that were read by both scores, then the rest, as far below as they were before."""
    read = [hit for hit in hits if hit.finding]
    rest = [hit for hit in hits if not hit.finding]
    if not read:
        return rest
    last = min(hit.score for hit in read)
    scored = [
        replace(hit, score=hit.score + WEIGHT * hit.finding.answers) for hit in read if hit.finding
    ]
    scored.sort(key=lambda hit: -hit.score)  # stable: ties stay in search's order
    worst = scored[-1].score
    return scored + [replace(hit, score=worst - max(last - hit.score, 0.0)) for hit in rest]
