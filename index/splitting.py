"""Cutting a note into passages: small enough to cite, whole enough to be understood.

    note ▶ blocks (heading, list, paragraph, table, code) ▶ Passage

Which marks mean what depends on the format: plain text and Markdown, Org, CSV, or a document
whose headings came with it. A passage is a bullet with all that hangs below it, a paragraph, a
heading line, some rows of a table under the names of its columns, a question with its reply. What
is too large is cut where a reader would pause: between bullets, rows or lines, then at sentence
ends. Invariant:
passage.text == note.text[start : start + len(text)], every line that is not blank is in a passage,
and only a line longer than a passage is in more than one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import PurePosixPath

from index.formats import tables
from index.formats.metadata import MARKDOWN
from index.notes import Note
from index.outline import (
    MAX_DEPTH,
    Item,
    Line,
    is_field,
    read_lines,
    runs_on,
    tree,
)
from index.passages import MARKDOWN_HEADING, MAX_CHARS, MAX_HEADING_CHARS, MAX_LINES, Passage, label
from index.words.asking import Spoken, asks, conversation
from index.words.dates import LEAP_YEAR, day_alone, find_dates, from_iso, is_day
from index.words.letters import nfkc
from index.words.markup import Fences, front_matter
from index.words.sentences import sentence_pieces

SPLITTER = 3  # raise when a change here cuts differently: every store is then cut again


_UNDERLINE = re.compile(r"(=+|-{3,}|＝+|─{3,}|━{3,})\s*$")
_SIGN_HEADING = re.compile(r"[■□◆◇▼▲★☆【]")
_ORG_HEADING = re.compile(r"\*+\s")
_ORG_OPENING = re.compile(r"#\+begin_(\S+)|:[\w-]+:$", re.IGNORECASE)
DEEPEST = 6  # level of a heading: a day by itself stands below any other
_CLOSES_SENTENCE = "。．.!?！？、，,;；"


def split(note: Note) -> list[Passage]:
    """The passages of a note, in order of their first line; see the module for what they obey."""
    found: list[Passage] = []
    for passage in _splitter(note).run():
        whole = _with_reply(found[-1], passage, note) if found else None
        found[-1:] = [whole] if whole else [*found[-1:], passage]
    lines = conversation(note.lines)
    return [_spoken(passage, lines[passage.start_line - 1 : passage.end_line]) for passage in found]


def _with_reply(before: Passage, after: Passage, note: Note) -> Passage | None:
    """What asks and what replies as one passage; None where that is not so, or too much for one."""
    lines, chars = after.end_line - before.start_line, after.start + len(after.text) - before.start
    if before.heading != after.heading or lines >= MAX_LINES or chars > MAX_CHARS:
        return None
    if before.end_line == after.start_line or not asks(before.text.rpartition("\n")[2]):
        return None
    text = note.text[before.start : before.start + chars]
    return replace(before, end_line=after.end_line, text=text)


def _spoken(passage: Passage, lines: Sequence[Spoken]) -> Passage:
    """A passage that only asks, or only replies, as such; one that does both speaks for itself."""
    if all(line.asks for line in lines):
        return replace(passage, asks=True)
    asked = next((line.asked for line in lines if line.asked), "")
    return passage if any(line.asks for line in lines) else replace(passage, asked=asked)


def _splitter(note: Note) -> _Splitter:
    suffix = PurePosixPath(note.path).suffix.lower()
    if note.headings is not None:
        return _DocumentSplitter(note, dict(note.headings))
    if suffix == ".org":
        return _OrgSplitter(note)
    if tables.holds_records(note.path):
        return _RecordSplitter(note)
    return _Splitter(note)


class _Splitter:
    """One pass over a note's lines, keeping the headings above the line at hand.

    Reads plain text and Markdown, which mark headings alike; other formats say what differs.
    """

    def __init__(self, note: Note) -> None:
        self.note = note
        self.texts = note.lines
        self.fences = Fences(self.texts)
        self.headings: list[tuple[int, str, str]] = []  # (level, label, date), levels rising
        self.date = note.day
        self.lines = read_lines(self.texts)
        self.first = next((line.number for line in self.lines if line.content), 0)

    def run(self) -> Iterator[Passage]:
        """The passages, in order."""
        at = self._opening()
        if at:
            yield from self._pieces([[line] for line in self.lines[:at]])
        while at < len(self.lines):
            line = self.lines[at]
            if not line.content:
                at += 1
            elif (end := self._block(at)) > at:
                yield from self._pieces([self.lines[at:end]])
                at = end
            elif heading := self._heading(at):
                level, length = heading
                self.headings = [above for above in self.headings if above[0] < level]
                yield from self._pieces([self.lines[at : at + length]])
                self.headings.append((level, label(line.text), self._dated(line.text)))
                at += length
            elif line.bullet:
                end = self._list_end(at)
                yield from self._list(tree(self.lines[at:end]))
                at = end
            else:
                end = self._paragraph_end(at)
                yield from self._paragraph(self.lines[at:end])
                at = end

    def _opening(self) -> int:
        """How many lines stand before the text itself and tell of it: a Markdown note's YAML."""
        if PurePosixPath(self.note.path).suffix.lower() not in MARKDOWN:
            return 0
        return front_matter(self.texts)

    def _block(self, at: int) -> int:
        """Where the code that begins here and is kept whole ends; at itself when none does."""
        return self.fences.end(at)

    def _marked_heading(self, line: Line) -> bool:
        """Whether a line is a heading even in the midst of a list or a paragraph."""
        marked = MARKDOWN_HEADING.match(line.content) or _SIGN_HEADING.match(line.content)
        return bool(marked) or self._dates(line.number - 1)

    def _dates(self, at: int) -> bool:
        """Whether a line is a day by itself, 2025年8月3日（日）, above what is of that day."""
        line, below = self._content_at(at), self._content_at(at + 1)
        return bool(below) and is_day(line) and not is_day(below)

    def _heading(self, at: int) -> tuple[int, int] | None:
        """Level (1 outermost) and number of lines of the heading that begins here, if one does."""
        line = self.lines[at]
        if match := MARKDOWN_HEADING.match(line.content):
            return len(match[1]), 1
        if line.bullet or line.content[0] in "|>" or len(line.content) > MAX_HEADING_CHARS:
            return None
        below = self._content_at(at + 1)
        if _UNDERLINE.match(below) and not line.content.endswith("。"):
            return (1 if below[0] in "=＝━" else 2), 2
        if _UNDERLINE.match(line.content):
            return None
        if self._dates(at):
            return DEEPEST, 1
        if _SIGN_HEADING.match(line.content):
            return None if _SIGN_HEADING.match(below) else (3, 1)  # several in a row are a list
        return self._plain_heading(at)

    def _plain_heading(self, at: int) -> tuple[int, int] | None:
        """A short line alone between blank lines, above a list or a paragraph, reads as a title."""
        line = self.lines[at]
        alone = not self._content_at(at - 1) and not self._content_at(at + 1)
        if not alone or line.indent or line.content[-1] in _CLOSES_SENTENCE:
            return None
        following = self._next_content(at + 1)
        if following is None:
            return None
        if line.number == self.first:
            return 1, 1
        stands_above = (
            following.bullet
            or following.indent > 0
            or (len(following.content) > MAX_HEADING_CHARS or following.content[-1] in "。．.」）)")
        )
        return (2, 1) if stands_above else None

    def _next_content(self, at: int) -> Line | None:
        following = (self.lines[number] for number in range(at, len(self.lines)))
        return next((line for line in following if line.content), None)

    def _content_at(self, at: int) -> str:
        return self.lines[at].content if 0 <= at < len(self.lines) else ""

    def _list_end(self, at: int) -> int:
        """Where a list ends: at a heading, or a line that is no bullet and continues none."""
        end = at
        while end < len(self.lines):
            line = self.lines[end]
            if line.content:
                goes_on = line.bullet or (line.indent > 0 or bool(self._content_at(end - 1)))
                if not goes_on or self._marked_heading(line):
                    break
            end += 1
        while end > at and not self.lines[end - 1].content:
            end -= 1
        return end

    def _paragraph_end(self, at: int) -> int:
        """Where a paragraph ends: blank line, bullet, heading, code, or an indented opening."""
        table = tables.is_row(self.lines[at].content)
        for end in range(at + 1, len(self.lines)):
            line = self.lines[end]
            if (
                not line.content
                or line.bullet
                or self._marked_heading(line)
                or tables.is_row(line.content) != table
                or line.text.startswith("　")
                or self._block(end) > end
            ):
                return end
        return len(self.lines)

    def _paragraph(self, lines: Sequence[Line]) -> Iterator[Passage]:
        """Lines that belong together; a table's first row is a heading to the others."""
        if len(lines) > 1 and tables.is_rule(lines[1].content) and tables.is_row(lines[0].content):
            yield from self._pieces([lines[:2]])
            yield from self._pieces([[line] for line in lines[2:]], (label(lines[0].text),))
        else:
            yield from self._pieces(self._sentences(lines))

    def _sentences(self, lines: Sequence[Line]) -> list[list[Line]]:
        """Lines in groups, each up to a line at whose end a sentence ends."""
        groups: list[list[Line]] = []
        goes_on = False
        for line, on in zip(lines, runs_on([line.text for line in lines]), strict=True):
            if goes_on:
                groups[-1].append(line)
            else:
                groups.append([line])
            goes_on = on
        return groups

    def _list(self, items: Sequence[Item]) -> Iterator[Passage]:
        """Passages of a list's outermost bullets; fields of one record together."""
        for fields, group in groupby(items, key=lambda item: not item.children and is_field(item)):
            if fields:
                yield from self._pieces([item.lines for item in group])
            else:
                for item in group:
                    yield from self._item(item, ())

    def _item(self, item: Item, parents: tuple[str, ...]) -> Iterator[Passage]:
        """One passage for a bullet and all below it; where too large, the bullet with what fits."""
        lines = list(item.all_lines())
        if _fits(lines):
            yield from self._pieces([lines], parents)
            return
        head = list(item.lines)
        children = list(item.children)
        while children and _fits(head + list(children[0].all_lines())):
            head.extend(children.pop(0).all_lines())
        yield from self._pieces([head] if _fits(head) else [[line] for line in head], parents)
        below = (*parents, label(item.lines[0].text))
        for child in children:
            yield from self._item(child, below)

    def _pieces(
        self, groups: Iterable[Sequence[Line]], parents: tuple[str, ...] = ()
    ) -> Iterator[Passage]:
        """Passages out of groups of lines: as many groups in each as fit, large lines cut."""
        pending: list[Line] = []
        for group in groups:
            if not _fits([*pending, *group]):
                yield from self._whole(pending, parents)
                pending = []
            if _fits(group):
                pending.extend(group)
                continue
            for line in group:  # a group that does not fit goes on line by line
                if not _fits([*pending, line]):
                    yield from self._whole(pending, parents)
                    pending = []
                if _fits([line]):
                    pending.append(line)
                elif line.content:
                    yield from self._cut(line, parents)
        yield from self._whole(pending, parents)

    def _whole(self, lines: Sequence[Line], parents: tuple[str, ...]) -> Iterator[Passage]:
        """One passage of lines that fit, without blank ones around them; none of blank ones."""
        kept = [line for line in lines if line.content]
        if kept:
            first, last = kept[0], kept[-1]
            yield self._slice(first.start, last.end, first.number, last.number, parents)

    def _cut(self, line: Line, parents: tuple[str, ...]) -> Iterator[Passage]:
        for start, end in sentence_pieces(line.text, MAX_CHARS):
            if line.text[start:end].strip():
                yield self._slice(
                    line.start + start, line.start + end, line.number, line.number, parents
                )

    def _slice(
        self, start: int, end: int, first: int, last: int, parents: tuple[str, ...]
    ) -> Passage:
        heading = tuple(text for _, text, _ in self.headings) + parents
        date = self._date()
        date = "" if re.fullmatch("[0-9]{4}", date) else date  # a year is no day to stand under
        page = bisect_right(self.note.pages, first) or None
        text = self.note.text[start:end]
        return Passage(self.note.path, first, last, heading, text, start, page, date)

    def _date(self) -> str:
        """The day, month or year of the headings above the line at hand, else the note's."""
        return next((of for *_, of in reversed(self.headings) if of), self.date)

    def _dated(self, heading: str) -> str:
        """The day, month or year that a heading names, with the year above it; else empty."""
        text, above = nfkc(heading), from_iso(self._date())
        found = [of.near(self._date()) for of in find_dates(text)]
        if not found and above and above.month and (day := day_alone(label(text))):
            found = [of for of in [above._replace(day=day)] if of.is_real(of.year or LEAP_YEAR)]
        return next((of.iso for of in found), "")


class _OrgSplitter(_Splitter):
    """Org: stars are headings, #+BEGIN_… blocks and :PROPERTIES: drawers are kept whole."""

    def __init__(self, note: Note) -> None:
        super().__init__(note)
        self.headlines = [at for at, line in enumerate(self.lines) if self._marked_heading(line)]
        self.places: dict[str, list[int]] = defaultdict(
            list
        )  # Lines by the marker that closes a block or drawer.
        for at, line in enumerate(self.lines):
            if line.content[:6].lower() in ("#+end_", ":end:"):
                self.places[line.content.lower()].append(at)

    def _block(self, at: int) -> int:
        if not (opening := _ORG_OPENING.match(self.lines[at].content)):
            return at
        ends = self.places[f"#+end_{opening[1]}".lower() if opening[1] else ":end:"]
        following = bisect_right(ends, at)
        if following == len(ends):
            return at
        end = ends[following] + 1
        parted = bisect_right(self.headlines, at) < bisect_right(self.headlines, end)
        return at if parted else end

    def _marked_heading(self, line: Line) -> bool:
        return _ORG_HEADING.match(line.text) is not None

    def _heading(self, at: int) -> tuple[int, int] | None:
        line = self.lines[at]
        if not self._marked_heading(line):
            return None
        return min(len(line.text) - len(line.text.lstrip("*")), MAX_DEPTH), 1


class _DocumentSplitter(_Splitter):
    """A document whose headings came with it: no other line is one."""

    def __init__(self, note: Note, levels: dict[int, int]) -> None:
        super().__init__(note)
        self.levels = levels  # The level of each line's heading.

    def _opening(self) -> int:
        return 0

    def _block(self, at: int) -> int:
        end = super()._block(at)
        return at if any(map(self._marked_heading, self.lines[at:end])) else end

    def _marked_heading(self, line: Line) -> bool:
        return line.number in self.levels

    def _heading(self, at: int) -> tuple[int, int] | None:
        level = self.levels.get(self.lines[at].number)
        return None if level is None else (level, 1)


class _RecordSplitter(_Splitter):
    """CSV and TSV: records under the names of their columns, as rows of a table."""

    def run(self) -> Iterator[Passage]:
        """The first record, where it names the columns, then as many in a passage as fit."""
        every = [
            (self.lines[at:end], cells)
            for at, end, cells in tables.records(self.texts, self.note.path)
        ]
        names: tuple[str, ...] = ()
        if every and tables.name_columns(every[0][1]):
            first, _ = every.pop(0)
            names = (label("\n".join(line.text for line in first)),)
            yield from self._pieces([first])
        yield from self._pieces((lines for lines, _ in every), names)


def _fits(lines: Sequence[Line]) -> bool:
    return (
        lines[-1].number - lines[0].number < MAX_LINES
        and lines[-1].end - lines[0].start <= MAX_CHARS
    )
