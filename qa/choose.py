"""Choosing which lines answer: the fewest of the best passages that hold what is asked.

Hit[] ─ lines, and sentences of long ones ▶ choose ▶ Line[], in the order they are read
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from index.outline import hanging_below, parents, strip_bullet
from index.passages import Passage, label, sentence_pieces
from qa.hit import Hit
from qa.rank import says_more, share
from qa.understanding.evidence import above, content, evidence, with_headings
from qa.understanding.question import Question

QUOTED_HITS = 3  # passages whose lines may be quoted: below them, right ones are rare
MAX_CITATIONS = 3  # an answer is read at a glance
LONG_LINE = 160  # characters; of a longer line only the sentences that answer are quoted
NEW_EVIDENCE = 0.2  # share of the question's weight that a further line must add to be quoted
NEAR_BEST = 3.0  # below the best hit's score; a weaker hit adds no line
LINE_WEIGHT = 3.0  # What a line itself holds counts so much against its passage's score.
FINDING_WEIGHT = 3.0  # The reader's pointing into a line, where it is sure and answers.
SAYS_AS_MUCH = 0.75  # 他には？: a further line holds this share of what the first answer held.


@dataclass(frozen=True, slots=True)
class Line:
    """A candidate for quoting: one line of a hit, or some sentences of a long one."""

    hit: int  # rank of its passage, from 0
    start: int  # offsets in the passage's text
    end: int
    heading: tuple[str, ...]  # titles and bullets above it, outermost first
    evidence: tuple[float, ...]  # How surely the line itself holds each of the question's words.
    context: tuple[float, ...]  # the same in what stands above it


def choose(question: Question, hits: Sequence[Hit], said: Sequence[Line] = ()) -> list[Line]:
    """The fewest lines that hold what is asked: the best one, then any that adds enough.

    The best line holds the largest share of the question's weight. A further line is taken while
    it holds words that none before it held (the two halves of an answer often stand apart).

    What was said already is left out, and what says much less of the question than that did.
    """
    usable = [
        rank
        for rank, hit in enumerate(hits[:QUOTED_HITS])
        if rank == 0
        or (hit.score >= hits[0].score - NEAR_BEST and says_more(question, hit.passage))
    ]
    lines = [line for rank in usable for line in _lines(question, rank, hits[rank])]
    if said:
        enough = SAYS_AS_MUCH * max(_held(line, question) for line in said)
        lines = [
            line
            for line in lines
            if _held(line, question) >= enough
            and not any(_overlap(_with_children(line, hits[line.hit]), told) for told in said)
        ]
    if not lines:
        return []

    asked = {term for word in question.words for term in word.all_terms}

    def worth(line: Line) -> tuple[float, float, bool, int]:
        held = _held(line, question)
        pointed = FINDING_WEIGHT * _pointed_at(line, hits[line.hit])
        # Of two that hold as much, a title above its sentence say, the one that tells something.
        text = hits[line.hit].passage.text[line.start : line.end]
        tells = not content(text).terms <= asked
        return LINE_WEIGHT * held + pointed + hits[line.hit].score, held, tells, -line.start

    best = max(lines, key=worth)
    chosen = [best]
    held = list(best.evidence)
    while len(chosen) < MAX_CITATIONS:

        def gain(line: Line, held: Sequence[float] = held) -> float:
            more = [max(new - old, 0.0) for new, old in zip(line.evidence, held, strict=True)]
            # Front matter says what a note is about, which the answer's heading does as well.
            return 0.0 if _is_front_matter(hits[line.hit]) else share(more, question.weights)

        further = max(lines, key=lambda line: (gain(line), -line.hit, -line.start))
        if gain(further) < NEW_EVIDENCE:
            break
        chosen.append(further)
        held = [max(pair) for pair in zip(held, further.evidence, strict=True)]
    chosen.sort(key=lambda line: (line.hit != best.hit, line.hit, line.start))  # as it is read
    return _joined([_with_children(line, hits[line.hit]) for line in chosen], hits)


def _held(line: Line, question: Question) -> float:
    """The share of the question's weight that a line holds, itself or in what stands above it."""
    return share(with_headings(line.evidence, line.context), question.weights)


def _pointed_at(line: Line, hit: Hit) -> float:
    """How surely the reader finds the answer in a line, 0 to 1."""
    found = hit.finding
    if found is None or not line.start <= found.start < line.end:
        return 0.0
    return found.sure / (1 + math.exp(-max(-30.0, min(found.answers, 30.0))))


def _overlap(one: Line, other: Line) -> bool:
    return one.hit == other.hit and one.start < other.end and other.start < one.end


def _lines(question: Question, rank: int, hit: Hit) -> list[Line]:
    passage = hit.passage
    pieces = _pieces(passage)
    labels = [label(text.strip()) for text in pieces]
    found: list[Line] = []
    offset = 0
    for text, above_it in zip(pieces, parents(pieces), strict=True):
        body = text.strip()
        if body:
            heading = (*passage.heading, *(labels[at] for at in above_it))
            context = above(question, heading)
            begins = offset + text.index(body)
            for start, end in _quotable(body):
                held = content(body[start:end])
                own = tuple(evidence(word, held) for word in question.words)
                found.append(Line(rank, begins + start, begins + end, heading, own, context))
        offset += len(text) + 1
    return found


def _pieces(passage: Passage) -> list[str]:
    """The lines of a passage; in a table of records, a record whose quoted cell has several is one.

    Joined by line ends they are the passage again.
    """
    pieces: list[str] = []
    records = passage.path.lower().endswith((".csv", ".tsv"))
    for text in passage.text.split("\n"):
        if records and pieces and pieces[-1].count('"') % 2:
            pieces[-1] += "\n" + text
        else:
            pieces.append(text)
    return pieces


def _is_front_matter(hit: Hit) -> bool:
    return hit.passage.start_line == 1 and hit.passage.text.startswith("---\n")


def _quotable(body: str) -> list[tuple[int, int]]:
    """Start and end of what may be quoted of a line: all of it, or some sentences of a long one."""
    pieces = sentence_pieces(body, LONG_LINE) if len(body) > LONG_LINE else [(0, len(body))]
    spans = []
    for start, end in pieces:
        piece = strip_bullet(body[start:end].strip())
        if piece:
            at = body.index(piece, start)
            spans.append((at, at + len(piece)))
    return spans


def _with_children(line: Line, hit: Hit) -> Line:
    """A bullet with the bullets below it: a heading of a list is no answer without the list."""
    text = hit.passage.text
    begin = text.rfind("\n", 0, line.start) + 1
    rest = text[begin:].split("\n")
    if begin + len(rest[0].rstrip()) != line.end:  # sentences from within a long line
        return line
    hanging = rest[: hanging_below(rest, 0)]
    return replace(line, end=begin + len("\n".join(hanging).rstrip()))


def _joined(lines: Sequence[Line], hits: Sequence[Hit]) -> list[Line]:
    """Lines with those made one that overlap, or are sentences side by side in one line."""
    joined: list[Line] = []
    for line in lines:
        before = joined[-1] if joined and joined[-1].hit == line.hit else None
        between = hits[line.hit].passage.text[before.end : line.start] if before else "|"
        if before and (line.start <= before.end or (not between.strip() and "\n" not in between)):
            joined[-1] = replace(before, end=max(before.end, line.end))
        else:
            joined.append(line)
    return joined
