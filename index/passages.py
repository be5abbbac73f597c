"""Cutting a note into passages: small enough to cite, whole enough to be understood.

    note ▶ blocks (heading, list, paragraph, table, code) ▶ Passage

A passage is a bullet with all that hangs below it, a paragraph, a heading line, some rows of a
table. What is too large is cut where a reader would pause: between bullets, rows or lines, then
at sentence ends. Invariant: passage.text == note.text[start : start + len(text)], every line that
is not blank is in a passage, and only a line longer than a passage is in more than one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from index.notes import Note

SPLITTER = 1  # raise when a change here cuts differently: every store is then cut again

MAX_LINES = 12  # what fits one glance; the question files hold a hit to the same size
MAX_CHARS = 600  # about 400 of the encoder's 512 tokens (0.66 a character over JaQuAD's texts)
MAX_HEADING_CHARS = 80  # a plain line longer than this is a sentence rather than a title
MAX_DEPTH = 40  # bullets below one another; what is deeper becomes a neighbour, not a child
TAB = "    "

_MARKDOWN_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*$")
_UNDERLINE = re.compile(r"(=+|-{3,}|＝+|─{3,}|━{3,})\s*$")
_SIGN_HEADING = re.compile(r"[■□◆◇▼▲★☆【]")
_BULLET = re.compile(r"[•・‣◦●○▪▫∙⁃]\s*|[-*+–]\s+|(?:\d{1,3}[.)．]|[(（]\d{1,3}[)）])\s+|[①-⑳]\s*")
_TABLE_ROW = re.compile(r"\|.*\|\s*$")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"[。．！？!?]+[」』）)\]】]*|\.(?=\s)")
_PAUSE = re.compile(r"[、，,;；：:）)」』\s]")
_CLOSES_SENTENCE = "。．.!?！？、，,;；"


@dataclass(frozen=True, slots=True)
class Passage:
    """A slice of a note, with where it stands."""

    path: str
    start_line: int  # counted from 1
    end_line: int  # included
    heading: tuple[str, ...]  # titles and parent bullets above it, outermost first
    text: str  # the note's own characters, from the first line's first to the last line's last
    start: int  # where in the note's text it begins, in characters


@dataclass(frozen=True, slots=True)
class _Line:
    number: int  # counted from 1
    start: int  # offset in the note
    text: str
    indent: int  # columns; a full-width space is two

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def content(self) -> str:
        return self.text.strip()

    @property
    def bullet(self) -> bool:
        return _BULLET.match(self.content) is not None


@dataclass(slots=True)
class _Item:
    """A bullet: its own lines and the bullets below it."""

    lines: list[_Line]
    children: list[_Item]

    def all_lines(self) -> Iterator[_Line]:
        yield from self.lines
        for child in self.children:
            yield from child.all_lines()


def split(note: Note) -> list[Passage]:
    """The passages of a note, in order of their first line; see the module for what they obey."""
    return list(_Splitter(note).run())


def label(text: str) -> str:
    """A heading or bullet line as a heading path shows it: no marks, no longer than a title."""
    content = text.strip()
    if match := _MARKDOWN_HEADING.match(content):
        content = match[2]
    content = strip_bullet(content).strip("■□◆◇▼▲★☆ 　*_")
    return content if len(content) <= MAX_HEADING_CHARS else content[: MAX_HEADING_CHARS - 1] + "…"


def strip_bullet(line: str) -> str:
    """A line without its bullet mark: still an exact piece of the note."""
    return _BULLET.sub("", line, count=1) if _BULLET.match(line) else line


class _Splitter:
    """One pass over a note's lines, keeping the headings above the line at hand."""

    def __init__(self, note: Note) -> None:
        self.note = note
        self.headings: list[tuple[int, str]] = []  # (level, label), levels rising
        self.lines: list[_Line] = []
        start = 0
        for number, text in enumerate(note.lines, start=1):
            expanded = text.replace("\t", TAB).replace("　", "  ")
            indent = len(expanded) - len(expanded.lstrip())
            self.lines.append(_Line(number, start, text, indent))
            start += len(text) + 1

    def run(self) -> Iterator[Passage]:
        at = self._front_matter()
        if at:
            yield from self._pieces([[line] for line in self.lines[:at]])
        while at < len(self.lines):
            line = self.lines[at]
            if not line.content:
                at += 1
            elif (end := self._fence(at)) > at:
                yield from self._pieces([self.lines[at:end]])
                at = end
            elif heading := self._heading(at):
                level, length = heading
                self.headings = [above for above in self.headings if above[0] < level]
                yield from self._pieces([self.lines[at : at + length]])
                self.headings.append((level, label(line.text)))
                at += length
            elif line.bullet:
                end = self._list_end(at)
                for item in _items(self.lines[at:end]):
                    yield from self._item(item, ())
                at = end
            else:
                end = self._paragraph_end(at)
                yield from self._pieces([[line] for line in self.lines[at:end]])
                at = end

    def _front_matter(self) -> int:
        """How many lines of YAML between --- and --- open the note; 0 where there are none."""
        if self.lines[0].text.rstrip() != "---":
            return 0
        for line in self.lines[1:]:
            if line.text.rstrip() in ("---", "..."):
                return line.number
        return 0

    def _fence(self, at: int) -> int:
        """Where the code block that begins here ends; at itself when none does."""
        if not (opening := _FENCE.match(self.lines[at].content)):
            return at
        for end in range(at + 1, len(self.lines)):
            if self.lines[end].content.startswith(opening[1]):
                return end + 1
        return at  # never closed: a stray mark, not a block

    def _heading(self, at: int) -> tuple[int, int] | None:
        """Level (1 outermost) and number of lines of the heading that begins here, if one does."""
        line = self.lines[at]
        if match := _MARKDOWN_HEADING.match(line.content):
            return len(match[1]), 1
        if line.bullet or line.content[0] in "|>" or len(line.content) > MAX_HEADING_CHARS:
            return None
        below = self._content_at(at + 1)
        if _UNDERLINE.match(below) and not line.content.endswith("。"):
            return (1 if below[0] in "=＝━" else 2), 2
        if _UNDERLINE.match(line.content):
            return None
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
        if self._next_content(0) is line:
            return 1, 1
        stands_above = (
            following.bullet
            or following.indent > 0
            or (len(following.content) > MAX_HEADING_CHARS or following.content[-1] in "。．.」）)")
        )
        return (2, 1) if stands_above else None

    def _next_content(self, at: int) -> _Line | None:
        return next((line for line in islice(self.lines, at, None) if line.content), None)

    def _content_at(self, at: int) -> str:
        return self.lines[at].content if 0 <= at < len(self.lines) else ""

    def _list_end(self, at: int) -> int:
        """Where a list ends: at a heading, or a line that is no bullet and continues none."""
        end = at
        while end < len(self.lines):
            line = self.lines[end]
            if line.content:
                goes_on = line.bullet or (line.indent > 0 or bool(self._content_at(end - 1)))
                if not goes_on or _heading_mark(line.content):
                    break
            end += 1
        while end > at and not self.lines[end - 1].content:
            end -= 1
        return end

    def _paragraph_end(self, at: int) -> int:
        """Where a paragraph ends: blank line, bullet, heading, code, or an indented opening."""
        table = bool(_TABLE_ROW.match(self.lines[at].content))
        for end in range(at + 1, len(self.lines)):
            line = self.lines[end]
            if (
                not line.content
                or line.bullet
                or _heading_mark(line.content)
                or bool(_TABLE_ROW.match(line.content)) != table
                or line.text.startswith("　")
                or self._fence(end) > end
            ):
                return end
        return len(self.lines)

    def _item(self, item: _Item, parents: tuple[str, ...]) -> Iterator[Passage]:
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
        self, groups: Iterable[Sequence[_Line]], parents: tuple[str, ...] = ()
    ) -> Iterator[Passage]:
        """Passages out of groups of lines: as many groups in each as fit, large lines cut."""
        pending: list[_Line] = []
        for group in groups:
            if pending and not _fits([*pending, *group]):
                yield self._passage(pending, parents)
                pending = []
            if _fits(group):
                pending.extend(group)
                continue
            for line in group:  # a group that does not fit goes on line by line
                if pending and not _fits([*pending, line]):
                    yield self._passage(pending, parents)
                    pending = []
                if _fits([line]):
                    pending.append(line)
                elif line.content:
                    yield from self._cut(line, parents)
        if any(line.content for line in pending):
            yield self._passage(pending, parents)

    def _passage(self, lines: Sequence[_Line], parents: tuple[str, ...]) -> Passage:
        kept = [line for line in lines if line.content]
        return self._slice(kept[0].start, kept[-1].end, kept[0].number, kept[-1].number, parents)

    def _cut(self, line: _Line, parents: tuple[str, ...]) -> Iterator[Passage]:
        for start, end in sentence_pieces(line.text, MAX_CHARS):
            if line.text[start:end].strip():
                yield self._slice(
                    line.start + start, line.start + end, line.number, line.number, parents
                )

    def _slice(
        self, start: int, end: int, first: int, last: int, parents: tuple[str, ...]
    ) -> Passage:
        heading = tuple(text for _, text in self.headings) + parents
        return Passage(self.note.path, first, last, heading, self.note.text[start:end], start)


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, in characters; together they cover the text exactly."""
    bounds = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    return [(start, end) for start, end in pairwise(bounds) if start < end]


def sentence_pieces(text: str, limit: int) -> list[tuple[int, int]]:
    """Start and end of pieces of about equal length, none over limit characters.

    Cut where a sentence ends, else at a comma or space, else anywhere; together they cover the
    text exactly.
    """
    parts = [
        (start + a, start + b)
        for start, end in sentences(text)
        for a, b in _hard_cuts(text[start:end], limit)
    ]
    share = len(text) / -(-len(text) // limit)  # equal pieces: no lone tail of three words
    pieces: list[tuple[int, int]] = []
    for start, end in parts:
        if pieces and end - pieces[-1][0] <= limit and start - pieces[-1][0] < share:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return pieces


def _hard_cuts(sentence: str, limit: int) -> Iterator[tuple[int, int]]:
    start = 0
    while len(sentence) - start > limit:
        pauses = [m.end() for m in _PAUSE.finditer(sentence, start + limit // 2, start + limit)]
        end = pauses[-1] if pauses else start + limit
        yield start, end
        start = end
    yield start, len(sentence)


def _heading_mark(content: str) -> bool:
    return bool(_MARKDOWN_HEADING.match(content) or _SIGN_HEADING.match(content))


def _fits(lines: Sequence[_Line]) -> bool:
    return (
        lines[-1].number - lines[0].number < MAX_LINES
        and lines[-1].end - lines[0].start <= MAX_CHARS
    )


def _items(lines: Sequence[_Line]) -> list[_Item]:
    """The bullets of a list as a tree, by indentation; a line without a mark continues the last."""
    roots: list[_Item] = []
    open_items: list[tuple[int, _Item]] = []  # the bullets above the line at hand, with indents
    for line in lines:
        if not line.content or (open_items and not line.bullet):
            if line.content:
                open_items[-1][1].lines.append(line)
            continue
        item = _Item([line], [])
        while open_items and open_items[-1][0] >= line.indent:
            open_items.pop()
        del open_items[MAX_DEPTH:]
        (open_items[-1][1].children if open_items else roots).append(item)
        open_items.append((line.indent, item))
    return roots
