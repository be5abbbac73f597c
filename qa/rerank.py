"""The best passages in their final order: as search ranks them, the first ones read besides.

Hit[] ─ rank by words and vectors ▶ the first few ─ reader ▶ Finding[] ▶ weigh both ▶ Hit[]

Half of them are read at first, and the others only where these do not settle it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from index.passages import Passage
from qa.fitted import read_fitted
from qa.hit import Finding, Hit
from qa.question import Question
from qa.ranking import rank
from qa.reader import load_reader

FIRST = 3  # passages that are always read
READ = 6  # passages at most: the right one is among them as a rule, and more take too long
SETTLED = 2.0  # log odds that one of the first answers, from which no more are read
# What a log odd of the reader's is worth against the score of words and vectors.
WEIGHT: float = read_fitted("reader")["weight"]

Read: TypeAlias = Callable[[str, Sequence[Passage]], Sequence[Finding | None]]


def best_first(question: Question, hits: Sequence[Hit]) -> list[Hit]:
    """The hits with their final scores, best first; those that nobody looked at keep their order.

    Without a reader, as `qa.ranking.rank` has them.
    """
    ranked = rank(question, hits)
    reader = load_reader()
    return weigh(look(question, ranked, reader.read)) if reader else ranked


def look(question: Question, hits: Sequence[Hit], read: Read) -> list[Hit]:
    """The hits as they stand, the first FIRST or READ with what the reader finds in them."""
    seen: list[Hit] = []
    for end in (FIRST, READ):
        new = hits[len(seen) : end]
        findings = read(question.text, [hit.passage for hit in new])
        seen += [replace(hit, finding=found) for hit, found in zip(new, findings, strict=True)]
        if any(hit.finding.answers >= SETTLED for hit in seen if hit.finding):
            break
    return [*seen, *hits[len(seen) :]]


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
