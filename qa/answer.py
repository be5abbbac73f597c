"""Answering by quotation: the fewest lines of the notes that answer, or a plain refusal.

    question ─ search ▶ Hit[] ─ lines of the best hits ▶ choose ▶ read back from the file ▶ Answer

Nothing is said that is not quoted, and a quote is always an exact piece of the file as it is now.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePosixPath

from index.encoder import encoder_failed
from index.errors import Unreadable
from index.filters import Filter
from index.folder import NoteFile
from index.notes import Note, read_note
from index.passages import MAX_CHARS as PASSAGE_CHARS
from index.passages import Passage, label, sentence_pieces, strip_bullet
from index.store import Store
from index.tokens import normalize
from qa.confidence import confidence
from qa.dialogue import asks_on, standalone
from qa.evidence import above, content, evidence, with_headings
from qa.hit import Hit
from qa.question import MAX_CHARS, Question, clean, read_question
from qa.ranking import earned_by_meaning, rank, says_more, share
from qa.retrieve import CANDIDATES, candidates, using
from qa.why import NO_REASON, Why, found_words, why

NOT_FOUND = "ノートには見つかりませんでした"
NEAREST = 3  # passages shown beside a refusal: enough to see that the right one is not there
# Confidence below which the notes are said not to answer: about 5 % of JaQuAD train's answerable
# questions fall below it where notes are bullets (benchmarks/README.md).
ANSWERS_FROM = 0.1
QUOTED_HITS = 3  # passages whose lines may be quoted: below them, right ones are rare
TITLE = re.compile(
    r"\s*(?:#+\s|\*+\s|[■□◆◇▼▲★☆【]|(?:-{3,}|={3,})\s*$)"
)  # where another part begins
MAX_CITATIONS = 3  # an answer is read at a glance
LONG_LINE = 160  # characters; of a longer line only the sentences that answer are quoted
NEW_EVIDENCE = 0.2  # share of the question's weight that a further line must add to be quoted
NEAR_BEST = 3.0  # below the best hit's score; a weaker hit adds no line
SAYS_AS_MUCH = 0.75  # of what was said already, for a line that is to be said besides
AROUND = 3  # lines above and below what answers, where more is asked for
LINE_WEIGHT = 3.0  # of what a line itself holds, against its passage's score


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
    page: int | None = None  # of a PDF, from 1
    why: Why = NO_REASON
    column: int = 0  # characters of start_line that stand before the quote


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

    @property
    def nearest(self) -> tuple[Hit, ...]:
        """Up to three passages that are near, though they do not answer; none beside an answer."""
        return () if self.found else self.hits[:NEAREST]


def ask(
    question: str,
    store: Store | str | os.PathLike[str] | None = None,
    *,
    history: Sequence[str] = (),
    k: int = 5,
    within: Filter | None = None,
) -> Answer:
    """Answer a question with the fewest exact lines of the notes, or say they do not answer it.

    Args:
        question: as a person types it.
        store: an open store or its folder; None stands for the default notes folder's.
        history: earlier questions of the conversation, oldest first; a question that leans on
            them (それはいつ？) is completed from them, and 他には？ leaves out what was said.
        k: how many passages to give beside the answer.
        within: which notes to ask; all when None.

    Raises:
        StoreError: the store is missing, damaged, or of another version or model.
        NotesFolderError: the default store is to be built, and there are no notes.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    with using(store) as opened:
        full = standalone(clean(question), [clean(earlier) for earlier in history])
        topic, on = asks_on(full)
        asked = read_question(topic, opened)
        if asked.empty:
            return _nothing_asked(full)
        found = candidates(asked, opened, max(k, CANDIDATES), within)
        there = {path: _still_there(opened, path) for path in {hit.passage.path for hit in found}}
        hits = rank(asked, [hit for hit in found if there[hit.passage.path]])
        lost = {hit.passage.path for hit in found[:k] if not there[hit.passage.path]}
        probability = confidence(asked, hits)
        citations: tuple[Citation, ...] = ()
        if probability >= ANSWERS_FROM:
            lines = choose(asked, hits)
            if on == "other" and history:
                lines = choose(asked, hits, said=lines)
                probability = probability if lines else 0.0
            citations, gone = _citations(asked, hits, lines, opened)
            lost |= gone
            if on == "more":
                citations = _at_length(citations, opened)
        notice = _notice(full, opened, hits, lost, within)
        absent = tuple(word for word in asked.absent if not _shown(word, hits))
        text = "\n".join(f"{citation.quote} [{citation.n}]" for citation in citations) or NOT_FOUND
        return Answer(
            full,
            text,
            bool(citations),
            probability,
            citations,
            tuple(replace(hit, words=found_words(asked, hit.passage.text)) for hit in hits[:k]),
            absent,
            notice,
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """A candidate for quoting: one line of a hit, or some sentences of a long one."""

    hit: int  # rank of its passage, from 0
    start: int  # offsets in the passage's text
    end: int
    heading: tuple[str, ...]  # titles and bullets above it, outermost first
    evidence: tuple[float, ...]  # of each of the question's words in the line itself
    context: tuple[float, ...]  # the same in what stands above it


def _citations(
    question: Question, hits: Sequence[Hit], lines: Iterable[_Line], store: Store
) -> tuple[tuple[Citation, ...], set[str]]:
    """The chosen lines as they are in the files now, numbered in order.

    And the paths of notes whose lines would have been cited, but are not there any more.
    """
    citations: list[Citation] = []
    lost: set[str] = set()
    for line in lines:
        passage = hits[line.hit].passage
        current = read_back(store, passage.path)
        first = current and _locate(current[0], passage, line.start, line.end)
        if not current or not first:
            lost.add(passage.path)
            continue
        quote = passage.text[line.start : line.end]
        before = passage.text.rfind("\n", 0, line.start) + 1
        last = first + quote.count("\n")
        citations.append(
            Citation(
                n=len(citations) + 1,
                path=passage.path,
                start_line=first,
                end_line=last,
                heading=line.heading,
                quote=quote,
                changed=current[1],
                page=bisect_right(current[0].pages, first) or None,
                why=why(question, quote, line.heading, earned_by_meaning(hits[line.hit])),
                column=_column(current[0].lines[first - 1], quote, line.start - before),
            )
        )
    return tuple(citations), lost


def _at_length(citations: Sequence[Citation], store: Store) -> tuple[Citation, ...]:
    """A best quote of one line with the lines around it, then those quotes that it does not hold.

    Around it are at most AROUND lines either side, as far as nothing ends there: an empty line, a
    title, or what stands further left. A record of a table is whole as it is.
    """
    if not citations:
        return ()
    best, *others = citations
    record = best.path.lower().endswith((".csv", ".tsv"))
    current = None if record or best.end_line > best.start_line else read_back(store, best.path)
    if current is None:
        return tuple(citations)
    lines = current[0].lines
    first, last = best.start_line - 1, best.end_line  # the quote is lines[first:last]
    indent = _indent(lines[first])

    def goes_on(at: int) -> bool:
        line = lines[at] if 0 <= at < len(lines) else ""
        return bool(line.strip()) and not TITLE.match(line) and _indent(line) >= indent

    while last < best.end_line + AROUND and goes_on(last):
        last += 1
    while first > best.start_line - 1 - AROUND and goes_on(first - 1):
        first -= 1
    quote = strip_bullet("\n".join(lines[first:last]).strip())
    if last - first == 1 or len(quote) > PASSAGE_CHARS:
        return tuple(citations)
    fuller = replace(best, quote=quote, start_line=first + 1, end_line=last)
    kept = [
        other
        for other in others
        if other.path != best.path or not first < other.start_line <= other.end_line <= last
    ]
    return tuple(replace(cited, n=n) for n, cited in enumerate([fuller, *kept], start=1))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def choose(question: Question, hits: Sequence[Hit], said: Sequence[_Line] = ()) -> list[_Line]:
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

    def worth(line: _Line) -> tuple[float, float, bool, int]:
        held = _held(line, question)
        # Of two that hold as much, a title above its sentence say, the one that tells something.
        text = hits[line.hit].passage.text[line.start : line.end]
        tells = not content(text).terms <= asked
        return LINE_WEIGHT * held + hits[line.hit].score, held, tells, -line.start

    best = max(lines, key=worth)
    chosen = [best]
    held = list(best.evidence)
    while len(chosen) < MAX_CITATIONS:

        def gain(line: _Line, held: Sequence[float] = held) -> float:
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


def _held(line: _Line, question: Question) -> float:
    """The share of the question's weight that a line holds, itself or in what stands above it."""
    return share(with_headings(line.evidence, line.context), question.weights)


def _overlap(one: _Line, other: _Line) -> bool:
    return one.hit == other.hit and one.start < other.end and other.start < one.end


def _lines(question: Question, rank: int, hit: Hit) -> list[_Line]:
    passage = hit.passage
    parents: list[tuple[int, str]] = []  # bullets above the line at hand: (indent, label)
    found: list[_Line] = []
    offset = 0
    for text in _pieces(passage):
        body = text.strip()
        if body:
            indent = text.index(body)
            parents = [parent for parent in parents if parent[0] < indent]
            heading = (*passage.heading, *(name for _, name in parents))
            context = above(question, heading)
            for start, end in _quotable(body):
                held = content(body[start:end])
                own = tuple(evidence(word, held) for word in question.words)
                at = offset + indent
                found.append(_Line(rank, at + start, at + end, heading, own, context))
            parents.append((indent, label(body)))
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


def _with_children(line: _Line, hit: Hit) -> _Line:
    """A bullet with the bullets below it: a heading of a list is no answer without the list."""
    text = hit.passage.text
    begin = text.rfind("\n", 0, line.start) + 1
    rest = text[begin:].split("\n")
    if begin + len(rest[0].rstrip()) != line.end:  # sentences from within a long line
        return line
    indent = len(rest[0]) - len(rest[0].lstrip())
    end, offset = line.end, begin + len(rest[0]) + 1
    for below in rest[1:]:
        if below.strip():
            if len(below) - len(below.lstrip()) <= indent:
                break
            end = offset + len(below.rstrip())
        offset += len(below) + 1
    return replace(line, end=end)


def _joined(lines: Sequence[_Line], hits: Sequence[Hit]) -> list[_Line]:
    """Lines with those made one that overlap, or are sentences side by side in one line."""
    joined: list[_Line] = []
    for line in lines:
        before = joined[-1] if joined and joined[-1].hit == line.hit else None
        between = hits[line.hit].passage.text[before.end : line.start] if before else "|"
        if before and (line.start <= before.end or (not between.strip() and "\n" not in between)):
            joined[-1] = replace(before, end=max(before.end, line.end))
        else:
            joined.append(line)
    return joined


def read_back(store: Store, path: str) -> tuple[Note, bool] | None:
    """An indexed note as its file is now, and whether it changed; None when it cannot be read."""
    file = store.note_file(path)
    if file is None:
        return None
    try:
        note = read_note(file.parent, NoteFile(path, file.name, 0, 0))
    except Unreadable:
        return None
    return note, note.sha256 != store.note_sha256(path)


def _locate(note: Note, passage: Passage, start: int, end: int) -> int | None:
    """The line of a note where the passage's lines from start to end begin now, else None.

    Whole lines must be the same, not just the quoted part: 「十月である」 of a line that goes on
    「必要はない」 now says something else. Where they were is looked at first.
    """
    text = passage.text
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    wanted = text[begin : stop if stop >= 0 else len(text)].split("\n")
    lines = note.lines
    expected: int = passage.start_line - 1 + text.count("\n", 0, begin)
    for first in chain([expected], range(len(lines) - len(wanted) + 1)):
        if _same_lines(wanted, lines[first : first + len(wanted)]):
            return first + 1
    return None


def _column(line: str, quote: str, expected: int) -> int:
    """Where a quote begins in its first line: as expected, unless that was a piece of the line."""
    begins = quote.partition("\n")[0]
    return expected if line.startswith(begins, expected) else line.find(begins)


def _same_lines(wanted: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether lines are these; one line may be a piece of one too long for a passage."""
    if len(wanted) == 1 and lines and len(lines[0]) > PASSAGE_CHARS:
        return wanted[0] in lines[0]
    return list(wanted) == list(lines)


def _still_there(store: Store, path: str) -> bool:
    file = store.note_file(path)
    return file is not None and os.access(file, os.R_OK)


def _shown(word: str, hits: Sequence[Hit]) -> bool:
    """Whether a word stands in a hit after all, as part of one that is cut elsewhere (幅広い)."""
    return any(normalize(word) in normalize(hit.passage.text) for hit in hits)


def _notice(
    question: str, store: Store, hits: Sequence[Hit], lost: Iterable[str], within: Filter | None
) -> str:
    """What limits this answer, in the reader's words; empty when nothing does."""
    notices = [
        f"{path} は索引のあとで変わったか、今は読めません。`python -m index` で最新にしてください "
        f"(changed since, or cannot be read now)"
        for path in sorted(lost)
    ]
    if store.behind:
        notices.append(store.behind)
    if len(question) > MAX_CHARS:
        notices.append(
            f"質問が長いので、はじめの {MAX_CHARS:,} 文字で探しました "
            f"(only the first {MAX_CHARS:,} characters were searched)"
        )
    if within:
        count = len(store.notes_within(within))
        notices.append(
            f"{within} のノート {count:,} 件だけで探しました (only these were searched)"
            if count
            else f"{within} に合うノートがありません (no note is like that)"
        )
    counts = store.counts()
    if counts.encoded < counts.passages:
        notices.append(
            f"意味検索の準備中 {counts.encoded:,}/{counts.passages:,} (vectors are being made)"
        )
    elif hits and all(hit.meaning is None for hit in hits):
        why = "モデルを読めない" if encoder_failed() else "意味検索の準備がまだな"
        notices.append(f"{why}ので、言葉だけで探しました (searched by words only)")
    return "; ".join(notices)


def _nothing_asked(question: str) -> Answer:
    text = (
        "探せる言葉がありません。質問を言葉で入れてください (no words to search for)"
        if question
        else "質問を入れてください (please type a question)"
    )
    return Answer(question, text, False, 0.0, (), ())


def place(cited: Citation | Passage) -> str:
    """Where something stands, for people: ファイル › 見出し › 12–14行, and the page of a PDF."""
    first, last = cited.start_line, cited.end_line
    page = [f"{cited.page}ページ"] if cited.page else []
    lines = f"{first}行" if first == last else f"{first}–{last}行"
    return " › ".join([PurePosixPath(cited.path).as_posix(), *cited.heading, *page, lines])
