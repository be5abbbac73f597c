"""Answering by quotation: the fewest lines of the notes that answer, or a plain refusal.

    question ─ search ▶ Hit[] ─ lines of the best hits ▶ choose ▶ read back from the file ▶ Answer

Nothing is said that is not quoted, and a quote is always an exact piece of the file as it is now.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from index.notes import Note, NoteFile, Unreadable, read_note
from index.passages import label, sentence_pieces, strip_bullet
from index.store import Store
from qa.confidence import confidence
from qa.dialogue import standalone
from qa.question import MAX_CHARS, Question, content, evidence, read_question
from qa.retrieve import Hit, search, using

NOT_FOUND = "ノートには見つかりませんでした"
# Confidence below which the notes are said not to answer: 5 % of JaQuAD train's answerable
# questions fall below it (benchmarks/README.md). At 0.5 it would be more than a quarter of them.
ANSWERS_FROM = 0.1
READ_HITS = 20  # hits that confidence looks at: a word found in none of them is missing
QUOTED_HITS = 3  # passages whose lines may be quoted: below them, right ones are rare
MAX_CITATIONS = 3  # an answer is read at a glance
LONG_LINE = 160  # characters; of a longer line only the sentences that answer are quoted
NEW_EVIDENCE = 0.2  # share of the question's weight that a further line must add to be quoted
HEADING_EVIDENCE = 0.5  # a word that stands above a line, against one that stands in it
NEAR_BEST = 0.6  # of the best hit's score; a weaker hit adds no further line


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and where it stands: an exact substring of the file's lines start to end."""

    n: int  # counted from 1, as in [1]
    path: str
    start_line: int  # counted from 1
    end_line: int  # included
    heading: tuple[str, ...]
    quote: str
    changed: bool = False  # the file has changed since it was indexed; lines are as they are now


@dataclass(frozen=True, slots=True)
class Answer:
    """What the notes say to a question."""

    question: str  # as searched: a follow-up stands on its own here
    text: str
    found: bool
    confidence: float  # probability that the citations answer, 0 to 1
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    absent: tuple[str, ...] = ()  # content words of the question that stand in no note
    notice: str = ""  # what the reader should know besides, such as keywords being used alone


def ask(
    question: str,
    store: Store | str | os.PathLike[str] | None = None,
    *,
    history: Sequence[str] = (),
    k: int = 5,
) -> Answer:
    """Answer a question with the fewest exact lines of the notes, or say they do not answer it.

    Args:
        question: as a person types it.
        store: an open store or its folder; None stands for the default notes folder's.
        history: earlier questions of the conversation, oldest first; a question that leans on
            them (それはいつ？) is completed from them.
        k: how many passages to give beside the answer.

    Raises:
        StoreError: the store is missing, damaged, or of another version or model.
        NotesFolderError: the default store is to be built, and there are no notes.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    with using(store) as opened:
        full = standalone(question.strip(), history)
        asked = read_question(full, opened)
        if not asked.pairs:
            return _nothing_asked(full)
        hits = search(asked, opened, max(k, READ_HITS))
        probability = confidence(asked, hits)
        notice = _notice(full, opened, hits)
        citations = _citations(asked, hits, opened) if probability >= ANSWERS_FROM else ()
        text = "\n".join(f"{citation.quote} [{citation.n}]" for citation in citations) or NOT_FOUND
        return Answer(
            full,
            text,
            bool(citations),
            probability,
            citations,
            tuple(hits[:k]),
            asked.absent,
            notice,
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """A candidate for quoting: one line of a hit, or some sentences of a long one."""

    hit: int  # rank of its passage, from 0
    first: int  # line numbers
    last: int
    text: str
    evidence: tuple[float, ...]  # of each of the question's words in the line itself
    context: tuple[float, ...]  # the same in what stands above it
    heading: tuple[str, ...]  # titles and bullets above it, outermost first


def _citations(question: Question, hits: Sequence[Hit], store: Store) -> tuple[Citation, ...]:
    """The chosen lines as they are in the files now, numbered in order."""
    citations: list[Citation] = []
    for line in choose(question, hits):
        passage = hits[line.hit].passage
        current = read_back(store, passage.path)
        if current is None:
            continue
        note, changed = current
        place = _locate(note, line)
        if place is None:
            continue
        first, last = place
        number = len(citations) + 1
        citations.append(
            Citation(number, passage.path, first, last, line.heading, line.text, changed)
        )
    return tuple(citations)


def choose(question: Question, hits: Sequence[Hit]) -> list[_Line]:
    """The fewest lines that hold what is asked: the best one, then any that adds enough.

    The best line holds the largest share of the question's weight. A further line is taken while
    it holds words that none before it held (the two halves of an answer often stand apart).
    """
    usable = [
        rank
        for rank, hit in enumerate(hits[:QUOTED_HITS])
        if rank == 0 or hit.score >= NEAR_BEST * hits[0].score
    ]
    lines = [line for rank in usable for line in _lines(question, rank, hits[rank])]
    if not lines:
        return []

    def worth(line: _Line) -> tuple[float, float, int]:
        held = [
            max(own, HEADING_EVIDENCE * above)
            for own, above in zip(line.evidence, line.context, strict=True)
        ]
        share = _weighted(question, held)
        return share + hits[line.hit].score, share, -line.first

    best = max(lines, key=worth)
    chosen = [best]
    held = list(best.evidence)
    while len(chosen) < MAX_CITATIONS:

        def gain(line: _Line, held: Sequence[float] = held) -> float:
            more = [max(new - old, 0.0) for new, old in zip(line.evidence, held, strict=True)]
            return _weighted(question, more)

        further = max(lines, key=lambda line: (gain(line), -line.hit, -line.first))
        if gain(further) < NEW_EVIDENCE:
            break
        chosen.append(further)
        held = [max(pair) for pair in zip(held, further.evidence, strict=True)]
    chosen.sort(key=lambda line: (line.hit != best.hit, line.hit, line.first))  # as it is read
    return _without_overlap([_with_children(line, hits[line.hit]) for line in chosen])


def _lines(question: Question, rank: int, hit: Hit) -> list[_Line]:
    passage = hit.passage
    parents: list[tuple[int, str]] = []  # bullets above the line at hand: (indent, label)
    found: list[_Line] = []
    for number, text in enumerate(passage.text.split("\n"), start=passage.start_line):
        body = text.strip()
        if not body:
            continue
        indent = len(text) - len(text.lstrip())
        parents = [parent for parent in parents if parent[0] < indent]
        heading = (*passage.heading, *(parent for _, parent in parents))
        context = content(" ".join(heading))
        around = tuple(evidence(word, context) for word in question.words)
        pieces = sentence_pieces(body, LONG_LINE) if len(body) > LONG_LINE else [(0, len(body))]
        for start, end in pieces:
            piece = strip_bullet(body[start:end].strip())
            if piece:
                held = tuple(evidence(word, content(piece)) for word in question.words)
                found.append(_Line(rank, number, number, piece, held, around, heading))
        parents.append((indent, label(body)))
    return found


def _with_children(line: _Line, hit: Hit) -> _Line:
    """A bullet with the bullets below it: a heading of a list is no answer without the list."""
    texts = hit.passage.text.split("\n")
    at = line.first - hit.passage.start_line
    indent = len(texts[at]) - len(texts[at].lstrip())
    last = at
    for below in range(at + 1, len(texts)):
        text = texts[below]
        if text.strip() and len(text) - len(text.lstrip()) <= indent:
            break
        last = below if text.strip() else last
    if last == at or not texts[at].strip().endswith(line.text):
        return line
    whole = "\n".join([line.text, *texts[at + 1 : last + 1]]).rstrip()
    return replace(line, last=hit.passage.start_line + last, text=whole)


def _without_overlap(lines: Sequence[_Line]) -> list[_Line]:
    """Lines that no other chosen one holds already, in the order chosen."""
    kept: list[_Line] = []
    for line in lines:
        inside = any(
            other is not line
            and other.hit == line.hit
            and other.first <= line.first
            and line.last <= other.last
            and line.text in other.text
            and (other.text != line.text or other in kept)
            for other in lines
        )
        if not inside:
            kept.append(line)
    return kept


def _weighted(question: Question, shares: Sequence[float]) -> float:
    """Sum of the words' weights times shares, over the sum of the weights."""
    if not question.total_weight:
        return 0.0
    total = sum(w * share for w, share in zip(question.weights, shares, strict=True))
    return total / question.total_weight


def read_back(store: Store, path: str) -> tuple[Note, bool] | None:
    """An indexed note as its file is now, and whether it changed; None when it cannot be read."""
    file = store.note_file(path)
    if file is None:
        return None
    try:
        info = file.stat()
        note = _read_file(file, path, info.st_size, info.st_mtime_ns)
    except (OSError, Unreadable):
        return None
    return note, note.sha256 != store.note_sha256(path)


@lru_cache(maxsize=64)
def _read_file(file: Path, path: str, size: int, mtime_ns: int) -> Note:
    return read_note(file.parent, NoteFile(path, file.name, size, mtime_ns))


def _locate(note: Note, line: _Line) -> tuple[int, int] | None:
    """First and last line of a quote in a note: where it was, else wherever it stands now."""
    height = line.text.count("\n")
    lines = note.lines
    expected = "\n".join(lines[line.first - 1 : line.first + height])
    if line.text in expected:
        return line.first, line.first + height
    at = note.text.find(line.text)
    if at < 0:
        return None
    first = note.text.count("\n", 0, at) + 1
    return first, first + height


def _notice(question: str, store: Store, hits: Sequence[Hit]) -> str:
    """What limits this answer, in the reader's words; empty when nothing does."""
    notices = []
    if len(question) > MAX_CHARS:
        notices.append(
            f"質問が長いので、はじめの {MAX_CHARS:,} 文字で探しました "
            f"(only the first {MAX_CHARS:,} characters were searched)"
        )
    if hits and all(hit.meaning is None for hit in hits):
        notices.append("キーワードだけで探しました (searched by keywords only)")
    counts = store.counts()
    if counts.encoded < counts.passages:
        notices.append(
            f"意味検索の準備中 {counts.encoded:,}/{counts.passages:,} (vectors are being made)"
        )
    return "; ".join(notices)


def _nothing_asked(question: str) -> Answer:
    text = (
        "探せる言葉がありません。質問を言葉で入れてください (no words to search for)"
        if question
        else "質問を入れてください (please type a question)"
    )
    return Answer(question, text, False, 0.0, (), ())


def place(path: str, heading: Sequence[str], start_line: int, end_line: int) -> str:
    """Where something stands, for people: ファイル › 見出し › 12–14行."""
    lines = f"{start_line}行" if start_line == end_line else f"{start_line}–{end_line}行"
    return " › ".join([PurePosixPath(path).as_posix(), *heading, lines])
