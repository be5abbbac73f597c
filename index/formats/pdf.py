"""PDFs as lines: the text of each page, with the lines that its layout cut joined again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, TypeAlias

import pypdfium2
from pypdfium2 import raw

from index.errors import Unreadable
from index.formats.documents import Document, day, keywords
from index.messages import said
from index.words.letters import columns, is_wide

MIN_FULL_LINE = 40  # columns; on a page of shorter lines, ends of lines are the writer's own
FULL = 0.85  # The widest line's share; Latin words stay whole, so lines end before it.
MAX_BOOKMARKS = 10_000
MAX_BOOKMARK_DEPTH = 9

_Document: TypeAlias = Any  # pypdfium2 ships no types

_SENTENCE_END = tuple("。．.！!？?：:；;」』）)】］]")
_OPENING = re.compile(  # a line that begins with one of these begins something
    r"[\s　・•‣●○◦■□◆◇▼▲★☆※▪→【［〔<＜|]|[-*–—]\s|(?:[A-Z]|\d+)(?:\.\d+)+\s"
    r"|[(（]?[0-9０-９①-⑳]{1,3}[.)．）、]|第\S{1,4}[章節条]"
)
# Dots before a page number; looked for from where their run begins only.
_LEADERS = re.compile(r"(?<![.．・…])(?<![.．・…]\s)(?:[.．・…]\s?){4,}\s?\d*$")
_RADICALS = re.compile(r"[⺀-⿟]")  # fonts draw them as the kanji, and PDFs name the wrong one
_HYPHEN = re.compile("[\ufffe\u0002\u00ad]")  # PDFium's names for a hyphen at a line's end


def read_pdf(content: bytes) -> Document:
    """The text of a PDF, page by page, a blank line between pages.

    A line goes on in the next one when it is about as wide as the page's widest, in columns (two
    for a Japanese character), ends no sentence, and the next begins no item: with no space beside
    Japanese characters, one between Latin words. Paragraphs that run over a page's end stay cut.
    Headings are the lines that bookmarks name.

    Raises:
        Unreadable: encrypted, damaged, or without any text.
    """
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise Unreadable(said("password")) from error
        raise
    try:
        lines: list[str] = []
        pages: list[int] = []
        for page in _pages(document):
            if lines and lines[-1]:
                lines.append("")
            pages.append(len(lines) + 1)
            lines += _join(page)
        if not any(lines):
            raise Unreadable(said("scanned"))
        about = document.get_metadata_dict()
        return Document(
            text="".join(line + "\n" for line in lines),
            encoding="pdf",
            headings=tuple(_headings(document, lines, pages)),
            pages=tuple(min(page, len(lines)) for page in pages),
            title=about.get("Title", "").strip(),
            tags=keywords(about.get("Keywords", "")),
            date=day(about.get("CreationDate", "")),
        )
    finally:
        document.close()


def _pages(document: _Document) -> Iterator[list[str]]:
    """The lines of each page as they are laid out; a page that cannot be read has none."""
    for number in range(len(document)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:  # one damaged page is no reason to lose the others
            yield []
            continue
        try:
            shown = page.get_textpage()
            text = shown.get_text_range()
            shown.close()
        finally:
            page.close()
        text = _HYPHEN.sub("-", text).replace("\0", "")
        text = _RADICALS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
        yield [line.rstrip() for line in re.split(r"\r\n|\r|\n", text)]


def _join(lines: list[str]) -> list[str]:
    """Paragraphs out of the lines of a page; see read_pdf for the rule."""
    last = max((number for number, line in enumerate(lines, start=1) if line), default=0)
    lines = lines[:last]
    widths = [0 if _LEADERS.search(line) else columns(line) for line in lines]
    full = max(MIN_FULL_LINE, FULL * max(widths, default=0))
    joined: list[list[str]] = []  # each paragraph in pieces
    goes_on = False
    for line, width in zip(lines, widths, strict=True):
        if goes_on and line and not _OPENING.match(line):
            before = joined[-1][-1][-1]
            apart = not (is_wide(before) or is_wide(line[0]) or before == "-")
            joined[-1].append(f" {line}" if apart else line)
        else:
            joined.append([line])
        goes_on = width >= full and not line.endswith(_SENTENCE_END)
    return ["".join(pieces) for pieces in joined]


def _headings(document: _Document, lines: list[str], pages: list[int]) -> Iterator[tuple[int, int]]:
    """The lines that the document's bookmarks name, found on the page each points to."""
    found: dict[int, int] = {}
    for count, bookmark in enumerate(document.get_toc(max_depth=MAX_BOOKMARK_DEPTH)):
        if count == MAX_BOOKMARKS:
            break
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        title = "".join(bookmark.get_title().split())
        if not title or page is None or not 0 <= page < len(pages):
            continue
        end = pages[page + 1] if page + 1 < len(pages) else len(lines) + 1
        for number in range(pages[page], end):
            if number not in found and "".join(lines[number - 1].split()) == title:
                found[number] = bookmark.level + 1
                break
    yield from sorted(found.items())
