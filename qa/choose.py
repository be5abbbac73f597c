"""Choosing which lines answer: the fewest of the best passages that hold what is asked.

Hit[] ─ lines, and sentences of long ones ▶ choose ▶ Line[], in the order they are read
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

from index.formats.tables import holds_records, is_rule
from index.outline import FIELD, hanging_below, parents, runs_on, strip_bullet
from index.passages import Passage, label
from index.words.asking import asks, calls
from index.words.sentences import sentence_pieces, sentences
from qa.hit import Hit
from qa.rank import says_more, share
from qa.understanding.evidence import above, content, evidence, with_headings
from qa.understanding.question import Question

QUOTED_HITS = 3  # passages whose lines may be quoted: below them, right ones are rare
MAX_CITATIONS = 3  # that complete one another: an answer is read at a glance
AS_GOOD_HITS = 10  # passages looked at for lines that answer as well as the best one
MOST_AS_GOOD = 5  # of these that are quoted; the rest is counted
MOST = 0.5  # share of the question's weight that a line holds which others may stand beside
SAME = 0.05  # Shares of the question's weight that differ by less are as good.
LONG_LINE = 160  # characters; of a longer line only the sentences that answer are quoted
NEW_EVIDENCE = 0.2  # share of the question's weight that a further line must add to be quoted
NEAR_BEST = 3.0  # below the best hit's score; a weaker hit adds no line
LINE_WEIGHT = 3.0  # What a line itself holds counts so much against its passage's score.
FINDING_WEIGHT = 3.0  # The reader's pointing into a line, where it is sure and answers.
FIELD_WEIGHT = 3.0  # 締切: 3月7日 where the question names 締切
REPLY_WEIGHT = 3.0  # the share of the question that is asked in the notes, for what replies
UNANSWERED = 0.4  # share of the question's weight by which its answer holds less than who asks
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
    asked: tuple[float, ...] = ()  # the same in the line that asks, where this is its reply


class Chosen(NamedTuple):
    """The lines that answer, in the order they are to be read, and how many more do so too."""

    lines: list[Line]
    more: int = 0


def choose(question: Question, hits: Sequence[Hit], said: Sequence[Line] = ()) -> Chosen:
    """The fewest lines that hold what is asked: the best one, then any that adds enough.

    The best line holds the largest share of the question's weight. A further line is taken while
    it holds words that none before it held (the two halves of an answer often stand apart). Where
    one line holds all of it, those that hold as much stand beside it, the newest notes' first.

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
    if not lines or _unanswered(question, hits, usable, lines):
        return Chosen([])

    asked = frozenset(term for word in question.words for term in word.all_terms)

    def worth(line: Line) -> tuple[float, float, bool, int]:
        held = _held(line, question)
        pointed = FINDING_WEIGHT * _pointed_at(line, hits[line.hit])
        # Of two that hold as much, a title above its sentence say, the one that tells something.
        tells = _tells(line, hits, asked)
        field = FIELD_WEIGHT * (tells and _is_field(line, hits, asked))
        replies = REPLY_WEIGHT * share(line.asked, question.weights) if line.asked else 0.0
        total = LINE_WEIGHT * held + pointed + field + replies + hits[line.hit].score
        return total, held, tells, -line.start

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
    as_good = _as_good(question, best, hits, asked) if len(chosen) == 1 else []
    as_good = [line for line in as_good if not any(_overlap(line, told) for told in said)]
    if as_good:
        dates = [hits[line.hit].passage.date for line in (best, *as_good)]
        chosen = [best, *as_good][:MOST_AS_GOOD]
        newest = sorted(set(dates), reverse=True)
        chosen.sort(
            key=lambda line: (newest.index(hits[line.hit].passage.date), line.hit, line.start)
        )
    else:
        chosen.sort(key=lambda line: (line.hit != best.hit, line.hit, line.start))  # as it is read
    joined = _joined([_with_children(line, hits[line.hit]) for line in chosen], hits)
    return Chosen(joined, 1 + len(as_good) - len(chosen) if as_good else 0)


def _unanswered(
    question: Question, hits: Sequence[Hit], usable: Sequence[int], lines: Sequence[Line]
) -> bool:
    """Whether the question stands in the notes as one, and no line holds nearly as much of it."""
    asking = [
        share(_evidence(question, text, hits[rank].passage), question.weights)
        for rank in usable
        for text in hits[rank].passage.as_read.split("\n")
        if asks(text)
    ]
    held = max(_held(line, question) for line in lines)
    return max(asking, default=0.0) > held + UNANSWERED


def _evidence(question: Question, text: str, passage: Passage) -> tuple[float, ...]:
    held = content(text, passage.date)
    return tuple(evidence(word, held) for word in question.words)


def _as_good(question: Question, best: Line, hits: Sequence[Hit], asked: Set[str]) -> list[Line]:
    """The lines that hold of each word as much as the best one does, none that says the same.

    Where that one says more than the question's words, each of the others does.
    """
    tells = _tells(best, hits, asked)
    if share(best.evidence, question.weights) < NEW_EVIDENCE or _held(best, question) < MOST:
        return []
    texts = {hits[best.hit].passage.text[best.start : best.end]}
    found = []
    for rank, hit in enumerate(hits[:AS_GOOD_HITS]):
        if not _as_near(hit, hits[best.hit]):
            continue
        for line in _lines(question, rank, hit):
            text = hit.passage.text[line.start : line.end]
            held = zip(line.evidence, best.evidence, strict=True)
            as_sure = _held(line, question) >= _held(best, question) - SAME
            as_sure = as_sure and (not tells or _tells(line, hits, asked))
            if text not in texts and as_sure and all(own >= of - SAME for own, of in held):
                texts.add(text)
                found.append(line)
    return found


def _as_near(hit: Hit, best: Hit) -> bool:
    """Whether a hit is as near as the best one: by its score, or by each sign of words.

    Of lines that are alike but for the answer the reader prefers one by chance.
    """
    if hit.score >= best.score - NEAR_BEST or not (hit.signs and best.signs):
        return hit.score >= best.score - NEAR_BEST
    own, of = hit.signs, best.signs
    names = ("sentences", "distinctive", "triples", "kind")
    return all(getattr(own, name) >= getattr(of, name) - SAME for name in names)


def _tells(line: Line, hits: Sequence[Hit], asked: Set[str]) -> bool:
    """Whether a line says more than the words of the question, by their terms."""
    text = hits[line.hit].passage.text[line.start : line.end]
    return not content(text).terms <= asked


def _is_field(line: Line, hits: Sequence[Hit], asked: Set[str]) -> bool:
    """Whether a line is a key with its value, and the key is asked for."""
    field = FIELD.match(hits[line.hit].passage.text[line.start : line.end])
    words = content(field[1]).words if field else ()
    return bool(words) and not any(asked.isdisjoint(word.all_terms) for word in words)


def _held(line: Line, question: Question) -> float:
    """The share of the question's weight that a line holds, itself or in what stands above it."""
    return share(with_headings(line.evidence, line.context), question.weights)


def _pointed_at(line: Line, hit: Hit) -> float:
    """How surely the reader finds the answer in a line, 0 to 1."""
    found = hit.finding
    if found is None or not line.start <= found.start < min(line.end, found.end):
        return 0.0
    return found.sure / (1 + math.exp(-max(-30.0, min(found.answers, 30.0))))


def _overlap(one: Line, other: Line) -> bool:
    return one.hit == other.hit and one.start < other.end and other.start < one.end


def _lines(question: Question, rank: int, hit: Hit) -> list[Line]:
    passage = hit.passage
    if passage.asks:
        return []
    pieces, apart = _pieces(passage), passage.as_read
    labels = [label(re.sub(r"\n\s*", "", text.strip())) for text in pieces]
    found: list[Line] = []
    asked: tuple[float, ...] = ()  # what a line held that asks; its reply holds that too
    first = False  # whether that line is the one above
    offset = 0
    for text, above_it, below in zip(pieces, parents(pieces), [*pieces[1:], ""], strict=True):
        body = text.strip()
        if body and not (is_rule(body) or is_rule(below) or calls(body)):  # columns, a chair
            parents_of_it = [labels[at] for at in above_it]
            context = above(question, (*passage.above, *parents_of_it), passage.date)
            begins = offset + text.index(body)
            asking = asks(body)
            if asking:
                asked = _evidence(question, body, passage)
            for start, end in [] if asking else _quotable(body, passage):
                held = content(apart[begins + start : begins + end], passage.date)
                if not (held.words or held.pairs):  # a bare A: says nothing
                    continue
                own = tuple(evidence(word, held) for word in question.words)
                own = with_headings(own, asked) if asked else own
                found.append(
                    Line(
                        rank,
                        begins + start,
                        begins + end,
                        (*passage.heading, *parents_of_it),
                        own,
                        context,
                        asked if first else (),
                    )
                )
            first = asking
        offset += len(text) + 1
    return found


def _pieces(passage: Passage) -> list[str]:
    """The lines of a passage; those that one sentence goes through, or one record, are one.

    Joined by line ends they are the passage again.
    """
    lines = passage.text.split("\n")
    records = holds_records(passage.path)
    wrapped = [False] * len(lines) if records else runs_on(lines)
    pieces: list[str] = []
    goes_on = False
    for line, on in zip(lines, wrapped, strict=True):
        if goes_on:
            pieces[-1] += "\n" + line
        else:
            pieces.append(line)
        goes_on = on or (records and pieces[-1].count('"') % 2 == 1)
    return pieces


def _is_front_matter(hit: Hit) -> bool:
    return hit.passage.start_line == 1 and hit.passage.text.startswith("---\n")


def _quotable(body: str, passage: Passage) -> list[tuple[int, int]]:
    """Start and end of what may be quoted of a line: all of it, or some sentences of a long one.

    Of prose that goes through several lines each sentence.
    """
    if "\n" in body and not holds_records(passage.path):
        pieces = sentences(body)
    else:
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
    own = 1 + text.count("\n", line.start, line.end)
    rest = text[begin:].split("\n")
    all_of_it = len(strip_bullet("\n".join(rest[:own]).strip())) == line.end - line.start
    if not all_of_it:  # sentences from within a long line
        return line
    hanging = rest[: max(own, hanging_below(rest, 0))]
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
