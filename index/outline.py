"""How a note's lines hang together: indents, bullets and the trees they make.

    texts ─ read_lines ▶ Line[] ─ tree ▶ Item[]      the bullets of a list, each with those below it
                       texts ─ hanging_below, parents   which lines hang on which, in any text
                       texts ─ runs_on, unwrapped   which lines end in the midst of a sentence

The only place that knows what an indent is (columns, however it is typed) and what a bullet is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.words.letters import columns, is_wide

MAX_DEPTH = 40  # bullets or headings below one another; what is deeper becomes a neighbour
COLUMNS = {"\t": 4, "　": 2}  # An indent's sign is so many columns wide; any other is one.
BULLET = re.compile(r"[•・‣◦●○▪▫∙⁃]\s*|[-*+–]\s+|(?:\d{1,3}[.)．]|[(（]\d{1,3}[)）])\s+|[①-⑳]\s*")
FIELD = re.compile(r"([^:：、。「」]{1,16}?)[ 　]?(?:::?|：)(?!//)[ 　]*(?=\S)")  # 締切: 3月7日
JOINT = "\x7f"  # tokenizers read nothing there, as `markup.plain` does
SHORTEST_WRAPPED = 20  # columns; what is shorter and ends no sentence is a name or a title
_ENDS = re.compile(r"[。．！？!?:：][」』）)\]】\s]*$|\.\s*$")
_ENDS_WITHIN = re.compile("[。．！？!?]")
# What no line begins with that goes on from the one above: a label, a heading, a table, a quote.
_BEGINS = re.compile(
    r"[^\s:：、。]{1,12}[:：]|[QAＱＡ問答][\s.．、0-9０-９]|[#|>＞*■□◆◇▼▲★☆【○◯●→⇒※〒]|[-=_]{3}|```"
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a note."""

    number: int  # counted from 1
    start: int  # offset in the note, characters
    text: str
    content: str  # the text without spaces around it
    indent: int  # columns
    bullet: bool  # whether it begins with a bullet's mark

    @property
    def end(self) -> int:
        """Offset of its end, before the line end."""
        return self.start + len(self.text)


@dataclass(slots=True)
class Item:
    """A bullet: its own lines and the bullets below it."""

    lines: list[Line]
    children: list[Item]

    def all_lines(self) -> Iterator[Line]:
        """Its own lines, then those of the bullets below it."""
        yield from self.lines
        for child in self.children:
            yield from child.all_lines()


def read_lines(texts: Sequence[str]) -> list[Line]:
    """The lines of a note, whose texts are given without their line ends."""
    lines: list[Line] = []
    start = 0
    for number, text in enumerate(texts, start=1):
        content = text.strip()
        bullet = BULLET.match(content) is not None
        lines.append(Line(number, start, text, content, indent(text), bullet))
        start += len(text) + 1
    return lines


def indent(text: str) -> int:
    """How far right a line begins, in columns."""
    opening = text[: len(text) - len(text.lstrip())]
    return sum(COLUMNS.get(sign, 1) for sign in opening)


def strip_bullet(text: str) -> str:
    """A line without its bullet's mark: still an exact piece of the note."""
    return BULLET.sub("", text, count=1) if BULLET.match(text) else text


def tree(lines: Sequence[Line]) -> list[Item]:
    """The bullets of a list by their indents; a line without a mark continues the last bullet."""
    roots: list[Item] = []
    above: list[tuple[int, Item]] = []  # the bullets above the line at hand, with their indents
    for line in lines:
        if not line.content or (above and not line.bullet):
            if line.content:
                above[-1][1].lines.append(line)
            continue
        item = Item([line], [])
        while above and above[-1][0] >= line.indent:
            above.pop()
        del above[MAX_DEPTH:]
        (above[-1][1].children if above else roots).append(item)
        above.append((line.indent, item))
    return roots


def is_field(item: Item) -> bool:
    """Whether a bullet is a key with its value: 借主: 望月."""
    return len(item.lines) == 1 and FIELD.match(strip_bullet(item.lines[0].content)) is not None


def parents(texts: Sequence[str]) -> list[tuple[int, ...]]:
    """For each line the numbers (from 0) of those that it hangs below, outermost first.

    A line hangs below the nearest one above it that begins further left; a blank one below none.
    """
    found: list[tuple[int, ...]] = []
    above: list[tuple[int, int]] = []  # (indent, number)
    for number, text in enumerate(texts):
        if not text.strip():
            found.append(())
            continue
        while above and above[-1][0] >= indent(text):
            above.pop()
        found.append(tuple(at for _, at in above))
        above.append((indent(text), number))
    return found


def hanging_below(texts: Sequence[str], at: int) -> int:
    """Where what hangs below a line (its number from 0) ends: after the last line further right."""
    own, end = indent(texts[at]), at + 1
    for number in range(at + 1, len(texts)):
        if texts[number].strip():
            if indent(texts[number]) <= own:
                break
            end = number + 1
    return end


def runs_on(texts: Sequence[str]) -> list[bool]:
    """For each line whether its sentence goes on in the next one, as in mail and filled text.

    A line does where it ends no sentence, is no mere name or title, and one that ends follows in
    the same paragraph; a bullet's where what follows is further right.
    """
    found = [False] * len(texts)
    ends = False  # whether a sentence ends further down in the paragraph
    for at in range(len(texts) - 2, -1, -1):
        own, below = texts[at], texts[at + 1]
        ends = _follows(below) and (ends or bool(_ENDS_WITHIN.search(below)))
        hangs = BULLET.match(own.strip()) and _follows(below) and indent(below) > indent(own)
        found[at] = (
            bool(ends or hangs)
            and not _ENDS.search(own)
            and own.strip()[:1] not in "#|>■□◆◇▼▲★☆【"
            and columns(own) >= SHORTEST_WRAPPED
        )
    return found


def unwrapped(text: str) -> str:
    """A text as it is read, as long: without the ends of lines that are wrapped, and the indents.

    Within a Japanese word JOINT takes their place, elsewhere spaces.
    """
    lines = text.split("\n")
    read = lines[:1]
    for on, line, below in zip(runs_on(lines), lines, lines[1:], strict=False):
        content = below.lstrip()
        within = on and is_wide(line[-1]) and is_wide(content[0])
        gap = (JOINT if within else " ") * (1 + len(below) - len(content)) if on else "\n"
        read.append(f"{gap}{content if on else below}")
    return "".join(read)


def _follows(text: str) -> bool:
    """Whether a line may go on from the one above it."""
    content = text.strip()
    apart = text.startswith("　") or BULLET.match(content) or _BEGINS.match(content)
    return bool(content) and not apart
