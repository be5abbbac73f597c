"""Reading documents: files whose text must be taken out of a format.

    bytes, suffix ─ extract ▶ Document(text, encoding, headings, pages, title, tags, date)

Each format is read by the library that most others build on, in a file of its own:

| format | library | kept by | brings along |
|---|---|---|---|
| .html .htm | lxml | the lxml project, since 2004 | libxml2, inside the wheel |
| .docx | python-docx | its author and contributors, since 2013 | lxml |
| .pdf | pypdfium2 | the pypdfium2 team, with each PDFium | PDFium, inside the wheel |

lxml forgives what browsers forgive and never recurses in Python; python-docx knows styles and
core properties; PDFium is Chrome's own reader, fuzzed by its maintainers, and carries the
character maps of Japanese fonts that a PDF names without embedding them.

The libraries load when a file first needs them. Documents come from anywhere, so extract belongs
into a process of its own: see isolated.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from index.errors import Unreadable
from index.messages import said
from index.words.dates import iso_date

DOCUMENTS = frozenset({".html", ".htm", ".docx", ".pdf"})
MAX_CHARS = 20_000_000  # This is a hundred thick books, and no document is that.


@dataclass(frozen=True, slots=True)
class Document:
    r"""The text of a document and what it says of itself. Lines are counted from 1, end at \n."""

    text: str
    encoding: str  # "utf-8", … for HTML; else "docx", "pdf"
    headings: tuple[tuple[int, int], ...] = ()  # (line, level from 1 outermost)
    pages: tuple[int, ...] = ()  # The line at which each page of a PDF begins.
    title: str = ""  # what the document calls itself, which need not be in the text
    tags: tuple[str, ...] = ()
    date: str = ""  # yyyy-mm-dd, where the document says when it was written


def extract(content: bytes, suffix: str) -> Document:
    """The text of one document.

    Args:
        content: the whole file.
        suffix: one of DOCUMENTS, which names the format.

    Raises:
        Unreadable: it is damaged, encrypted, too large, or has no text.
        ValueError: the suffix is none of DOCUMENTS.
    """
    if suffix not in DOCUMENTS:
        raise ValueError(f"not a document: {suffix!r}")
    try:
        document = _read(content, suffix)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # each library fails in ways of its own on a damaged file
        kind = suffix.removeprefix(".")
        raise Unreadable(said("damaged_document", kind=kind)) from error
    if len(document.text) > MAX_CHARS:
        raise Unreadable(said("too_many_characters", limit=f"{MAX_CHARS // 10_000:,}"))
    if not document.text.strip():
        raise Unreadable(said("no_text"))
    return document


def _read(content: bytes, suffix: str) -> Document:
    if suffix == ".pdf":
        from index.formats.pdf import read_pdf

        return read_pdf(content)
    if suffix == ".docx":
        from index.formats.docx import read_docx

        return read_docx(content)
    from index.formats.html import read_html

    return read_html(content)


class Lines:
    """Text put together block by block: the blank lines between, and which lines are headings."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.headings: list[tuple[int, int]] = []
        self.kind: object = None  # The kind of the last block.

    def add(self, lines: list[str], kind: object = None) -> None:
        """Append a block; blocks of one kind, such as a list's items, have no blank line between.

        Kind None is a block of its own.
        """
        if self.lines and self.lines[-1] and (kind is None or kind != self.kind):
            self.lines.append("")
        self.lines += lines
        self.kind = kind

    def heading(self, text: str, level: int) -> None:
        """Append a heading; its text is one line, its level counts from 1 outermost."""
        self.add([text])
        self.headings.append((len(self.lines), level))

    def row(self, cells: list[str], table: object, *, header: bool = False) -> None:
        """Append a row of a table, unless all its cells are blank; a header row is underlined."""
        if not any(cells):
            return
        self.add([f"| {' | '.join(cells)} |"], table)
        if header:
            self.add([f"|{' --- |' * len(cells)}"], table)

    @property
    def text(self) -> str:
        r"""All lines, each with a \n."""
        return "".join(line + "\n" for line in self.lines)


def keywords(text: str) -> tuple[str, ...]:
    """The keywords a document lists, cut at commas and semicolons."""
    return tuple(word.strip() for word in re.split(r"[,;、，；\n]", text) if word.strip())


def day(text: str) -> str:
    """The date at the head of a time in ISO's or PDF's spelling, as yyyy-mm-dd; else empty."""
    head = text.strip().removeprefix("D:")
    return iso_date(head[:8] if head[:8].isdecimal() else head[:10])
