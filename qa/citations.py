"""Quotes and where they stand: the chosen lines, read back from the files as they are now.

A quote is always an exact piece of its file; what cannot be read back is not quoted.

Within a quote some words may be the answer itself, where the reader is sure of them. What asks for
reasons, ways or lists is answered by whole lines: no few words are the answer then.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from index.errors import Unreadable
from index.folder import NoteFile
from index.formats.tables import holds_records, record_at
from index.messages import Said, joined, said, same
from index.names import visible
from index.notes import Note, read_note
from index.outline import indent, strip_bullet
from index.passages import MAX_CHARS as PASSAGE_CHARS
from index.passages import Passage
from index.storage.searcher import Searcher
from index.words.dates import Date, day_alone, find_dates, from_iso, shown
from index.words.letters import nfkc
from index.words.tokens import normalize
from qa.choose import Line
from qa.hit import Hit
from qa.rank import earned_by_meaning
from qa.understanding.evidence import content, evidence
from qa.understanding.kinds import NO_KIND, dated, kind_asked, names_time
from qa.understanding.question import Question
from qa.why import NO_REASON, Why, why

TITLE = re.compile(
    r"\s*(?:#+\s|\*+\s|[■□◆◇▼▲★☆【]|(?:-{3,}|={3,})\s*$)"
)  # where another part begins
AROUND = 3  # lines above and below what answers, where more is asked for
FARTHEST = 2_000  # lines above a quote that are looked at for the day it stands under
SURE = 0.5  # probability of the span, from which it is shown; see benchmarks/README.md
ANSWERS = 0.0  # log odds that its passage answers, likewise
_WHOLE = re.compile(
    r"なぜ|何故|どうして|理由|原因|きっかけ|どうやって|どのように|どうすれば|どうやる|やり方|仕方|方法|手順"
    r"|すべて|全て|全部|一覧|列挙|挙げ|(?:どんな|どのような)(?!名)"
    r"|\b(?:why|how to|how do|how can|list)\b"
)


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
    page: int | None = None  # The page of a PDF, from 1.
    why: Why = NO_REASON
    date: str = ""  # The day or month that it stands under, as `Date.iso`; empty where none is.
    column: int = 0  # characters of start_line that stand before the quote
    # Of a table's row: names of columns and cells, those that were asked for or by.
    cells: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> str:
        """The quote as an answer shows it; of a row 「製品: ロボット掃除機 · 感想: 静か」."""
        return " · ".join(f"{name}: {cell}" if name else cell for name, cell in self.cells) or (
            self.quote
        )


class Cited(NamedTuple):
    """The chosen lines as they are in the files now."""

    citations: tuple[Citation, ...]  # numbered in order
    lost: set[str]  # paths of notes whose lines would have been cited, but are not there any more
    days: tuple[str, ...] = ()  # that answer, as quotes of that time stand under them


def cite(question: Question, hits: Sequence[Hit], lines: Iterable[Line], index: Searcher) -> Cited:
    """The chosen lines read back, and for いつ those that name the day which they stand under.

    No lines where a record among them has nothing in the column that is asked for.
    """
    citations: list[Citation] = []
    under: list[Citation] = []  # those that their day may be the answer of
    lost: set[str] = set()
    for line in lines:
        passage = hits[line.hit].passage
        current = read_back(index, passage.path)
        first = current and _locate(current[0], passage, line.start, line.end)
        if not current or not first:
            lost.add(passage.path)
            continue
        quote = passage.text[line.start : line.end]
        before = passage.text.rfind("\n", 0, line.start) + 1
        last = first + quote.count("\n")
        record = _record(current[0], first, last)
        if (cells := _cells(question, record)) is None:
            return Cited((), lost)
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
                date=passage.date,
                column=_column(current[0].lines[first - 1], quote, line.start - before),
                cells=cells,
            )
        )
        if _is_of_its_day(question, hits[line.hit], quote):
            under.append(citations[-1])
    days = _dated_lines(under, index)
    citations += [replace(cited, n=n) for n, cited in enumerate(days, len(citations) + 1)]
    return Cited(tuple(citations), lost, tuple(dict.fromkeys(cited.date for cited in under)))


def _is_of_its_day(question: Question, hit: Hit, quote: str) -> bool:
    """Whether the day that a quote stands under answers: it is asked for, and no other is named.

    A reader, where there is one, must have found it there.
    """
    asked = dated(hit.passage, kind_asked(question.text)) and not names_time(quote)
    return asked and (hit.finding is None or hit.finding.end == 0)


def _record(note: Note, first: int, last: int) -> list[tuple[str, str]]:
    """The record that stands on some lines, counted from 1; empty for what is no lone record."""
    lone = first == last or holds_records(note.path)
    return record_at(note.lines, note.path, first - 1) if lone else []


def _cells(
    question: Question, record: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...] | None:
    """The cells of a record that a question is by, and those whose column it names, else all.

    None where what it names is empty: then the record does not say it.
    """

    def holds(text: str) -> bool:
        return any(evidence(word, content(text)) for word in question.words)

    by = [holds(cell) for _, cell in record]
    asked = [holds(name) and not here for (name, _), here in zip(record, by, strict=True)]
    answering = [cell for (_, cell), of in zip(record, asked, strict=True) if of]
    terms = {term for word in question.words for term in word.all_terms}
    tells = any(not content(cell).terms <= terms for _, cell in record)
    if record and not (any(answering) if answering else tells):
        return None
    if sum(bool(cell) for _, cell in record) < 2:
        return ()  # a remark in a table's first column
    wanted = [here or of or not answering for here, of in zip(by, asked, strict=True)]
    return tuple(pair for pair, shown in zip(record, wanted, strict=True) if shown and pair[1])


def _dated_lines(citations: Sequence[Citation], index: Searcher) -> list[Citation]:
    """The lines that name the day which quotes stand under."""
    found: dict[tuple[str, int], Citation] = {}
    for cited in citations:
        current = read_back(index, cited.path)
        lines = current[0].lines if current else []
        for number in range(cited.start_line - 1, max(cited.start_line - FARTHEST, 0), -1):
            quote = lines[number - 1].strip().lstrip("#*-• ")
            if _names(quote, cited.date):
                column = lines[number - 1].index(quote)
                found[cited.path, number] = replace(
                    cited,
                    start_line=number,
                    end_line=number,
                    quote=quote,
                    column=column,
                    why=NO_REASON,
                    cells=(),
                )
                break
    return list(found.values())


def _names(text: str, date: str) -> bool:
    """Whether a text names a day, in full or as the 18日 of its month."""
    of = from_iso(date)
    if any(found.near(date).iso == date for found in _dates(text)):
        return True
    return bool(of and of.day and day_alone(nfkc(text)) == of.day)


def _dates(text: str) -> list[Date]:
    """The days and months that a text names."""
    return [found for found in find_dates(nfkc(text)) if found.month]


def at_length(citations: Sequence[Citation], index: Searcher) -> tuple[Citation, ...]:
    """A best quote of one line with the lines around it, then those quotes that it does not hold.

    Around it are at most AROUND lines either side, as far as nothing ends there: an empty line, a
    title, or what stands further left. A record of a table is whole as it is.
    """
    if not citations:
        return ()
    best, *others = citations
    record = holds_records(best.path)
    current = None if record or best.end_line > best.start_line else read_back(index, best.path)
    if current is None:
        return tuple(citations)
    lines = current[0].lines
    first, last = best.start_line - 1, best.end_line  # the quote is lines[first:last]
    left = indent(lines[first])

    def goes_on(at: int) -> bool:
        line = lines[at] if 0 <= at < len(lines) else ""
        return bool(line.strip()) and not TITLE.match(line) and indent(line) >= left

    while last < best.end_line + AROUND and goes_on(last):
        last += 1
    while first > best.start_line - 1 - AROUND and goes_on(first - 1):
        first -= 1
    quote = strip_bullet("\n".join(lines[first:last]).strip())
    if last - first == 1 or len(quote) > PASSAGE_CHARS:
        return tuple(citations)
    column = lines[first].find(quote.partition("\n")[0])
    fuller = replace(best, quote=quote, start_line=first + 1, end_line=last, column=column)
    kept = [
        other
        for other in others
        if other.path != best.path or not first < other.start_line <= other.end_line <= last
    ]
    return tuple(replace(cited, n=n) for n, cited in enumerate([fuller, *kept], start=1))


def read_back(index: Searcher, path: str) -> tuple[Note, bool] | None:
    """An indexed note as its file is now, and whether it changed; None when it cannot be read."""
    indexed = index.note(path)
    if indexed is None:
        return None
    try:
        note = read_note(indexed.file.parent, NoteFile(path, indexed.file.name, 0, 0))
    except Unreadable:
        return None
    return note, note.sha256 != indexed.sha256


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


def place(found: Citation | Passage) -> Said:
    """Where something stands: ファイル › 見出し › 12–14行, its page of a PDF, the day it is of."""
    above = (visible(found.path), *found.heading)
    where = joined([*map(same, above), lines_of(found)], " › ")
    return joined([where, same("" if any(map(_dates, above)) else shown(found.date))], " · ")


def lines_of(found: Citation | Passage) -> Said:
    """「12–14行」, and of a document with pages its page."""
    start, end = found.start_line, found.end_line
    lines = said("one_line" if start == end else "some_lines", start=start, end=end)
    return said("lines_on_page", lines=lines, page=found.page) if found.page else lines


@dataclass(frozen=True, slots=True)
class AnswerSpan:
    """An exact piece of a quote."""

    n: int  # the citation's number
    start: int  # Offsets are in characters of its quote.
    end: int
    text: str

    def within(self, cited: Citation) -> tuple[int, int]:
        """Where it stands in what is shown of its quote; 0, 0 where it is not shown."""
        if not cited.cells:
            return self.start, self.end
        at = cited.shown.find(self.text)
        return (at, at + len(self.text)) if at >= 0 else (0, 0)


def answer_span(
    question: str, hits: Sequence[Hit], lines: Sequence[Line], citations: Sequence[Citation]
) -> AnswerSpan | None:
    """The answering words of a quote; None where the reader is not sure, or whole lines answer.

    Args:
        question: as it was searched.
        hits: as they were ranked.
        lines: which of their lines were chosen.
        citations: the quotes of these; some may be lost.
    """
    found = [(hits[line.hit].finding, line) for line in lines if hits[line.hit].finding is not None]
    if not found or _WHOLE.search(normalize(question)):
        return None
    best = max(finding.answers for finding, _ in found if finding)
    for finding, line in found:
        if finding is None or finding.answers < max(best, ANSWERS) or finding.sure < SURE:
            continue
        text = hits[line.hit].passage.text
        start, end = _trimmed(text, finding.start, finding.end)
        quote = text[line.start : line.end]
        if not line.start <= start < end <= line.end:
            continue
        of_list = "\n" in hits[line.hit].passage.as_read[line.start : line.end]
        if of_list and kind_asked(question) == NO_KIND:
            return None  # a bullet with those below it: the list is the answer
        for cited in citations:
            if cited.quote == quote and cited.path == hits[line.hit].passage.path:
                at = start - line.start
                return AnswerSpan(cited.n, at, at + end - start, text[start:end])
    return None


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without marks and spaces at either end."""
    inside = text[start:end]
    left = len(inside) - len(inside.lstrip(" 、。,.:：・\u3000\n"))
    right = len(inside.rstrip(" 、。,:：\u3000\n"))
    return (start + left, start + right) if left < right else (start, start)
