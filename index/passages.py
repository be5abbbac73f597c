"""A passage: a slice of a note, small enough to cite, whole enough to be understood.

`index.splitting` cuts notes into them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from index.formats import tables
from index.outline import strip_bullet, unwrapped

MAX_LINES = 12  # what fits one glance; the question files hold a hit to the same size
MAX_CHARS = 600  # about 400 of the encoder's 512 tokens (0.66 a character over JaQuAD's texts)
MAX_HEADING_CHARS = 80  # a plain line longer than this is a sentence rather than a title

MARKDOWN_HEADING = re.compile(r"(#{1,6})\s+(\S.*)")
_ORG_TITLE = re.compile(
    r"\*+\s+(?!\s)(?:(?:TODO|NEXT|DOING|WAITING|WAIT|HOLD|DONE|CANCELED|CANCELLED)\s+(?!\s))?"
    r"(?:\[#\w\]\s+(?!\s))?(.*?)(?:(?<!\s)\s+:[\w@#%:]+:)?$"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A slice of a note, with where it stands."""

    path: str
    start_line: int  # counted from 1
    end_line: int  # included
    heading: tuple[str, ...]  # titles and parent bullets above it, outermost first
    text: str  # the note's own characters, from the first line's first to the last line's last
    start: int  # where in the note's text it begins, in characters
    page: int | None = None  # The page of a PDF that it begins on, from 1.
    date: str = ""  # The day or month that it stands under, as `Date.iso`; empty where none is.
    asks: bool = False  # It is of somebody's speech that asks, and that is replied to below.
    asked: str = ""  # what the speech that it is of replies to

    @property
    def above(self) -> tuple[str, ...]:
        """What it is about: its note's name, titles and parent bullets, what it replies to."""
        name = PurePosixPath(self.path).stem
        titles = self.heading if name in self.heading else (name, *self.heading)
        return (*titles, self.asked) if self.asked else titles

    @property
    def as_read(self) -> str:
        """The text for search, as long: words that a line's end cuts are whole, cells are apart.

        The cells 1,200 and 300 of a CSV are not 1,200,300.
        """
        if tables.holds_records(self.path):
            return tables.cells_apart(self.text)
        return unwrapped(self.text)


def label(text: str) -> str:
    """A heading or bullet line as a heading path shows it: no marks, no longer than a title.

    Of an Org headline without its keyword and tags; of a table's first row, which names its
    columns, the names.
    """
    content = text.strip()
    if match := MARKDOWN_HEADING.match(content):
        content = match[2].rstrip("#").rstrip() or match[2]
    if names := tables.column_names(content):
        return _short(", ".join(name for cell in names if (name := " ".join(cell.split()))))
    content = match[1] if (match := _ORG_TITLE.match(content)) else strip_bullet(content)
    return _short(content.strip("■□◆◇▼▲★☆ 　*_"))


def _short(content: str) -> str:
    return content if len(content) <= MAX_HEADING_CHARS else content[: MAX_HEADING_CHARS - 1] + "…"
