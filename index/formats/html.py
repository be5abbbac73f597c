"""HTML as lines: what a browser would show, block by block."""

from __future__ import annotations

import re
from contextlib import suppress

from lxml import etree

from index.errors import Unreadable
from index.formats.documents import Document, Lines, day, keywords
from index.formats.encodings import decode
from index.messages import said
from index.words.letters import is_wide

MAX_LEVEL = 40  # Lists are drawn no further in: passages look no deeper.

_UNSEEN = frozenset(
    "script style template noscript head title meta link base rp svg iframe object audio video "
    "canvas datalist select textarea".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main "
    "menu nav ol option p pre search section summary table tbody td tfoot th thead tr ul".split()
)
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_LAYOUT = (
    _LISTS | _HEADINGS.keys() | {"table", "pre", "form"}
)  # No cell of a table of facts holds one.
_DATES = frozenset(
    "date dc.date dcterms.created dcterms.date article:published_time pubdate created "
    "creation_date datepublished".split()
)
_DECLARED = re.compile(
    rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE
)
_DECLARED_WITHIN = 4096  # bytes; browsers look no further than 1024
_CHARSETS = {  # what pages declare ▶ codec; browsers too read every Shift_JIS as Windows' own
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932",
    "windows-31j": "cp932", "cp932": "cp932", "euc-jp": "euc_jp", "x-euc-jp": "euc_jp",
    "iso-8859-1": "cp1252", "windows-1252": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
    "gb18030": "gb18030", "big5": "big5", "euc-kr": "cp949",
}  # fmt: skip
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")


def read_html(content: bytes) -> Document:
    """What a reader of the page sees; see _Page for how.

    Raises:
        Unreadable: its encoding cannot be told, or it nests over 2,048 elements.
    """
    text, encoding = _decode(content)
    if not text.strip():
        return Document("", encoding)
    text = text.replace("\r\n", "\n").replace("\0", "")  # a NUL would end the page
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True)
    root = etree.fromstring(text.encode(), parser)
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise Unreadable(said("too_deep"))  # the rest would be missing
    if root is None:
        return Document("", encoding)
    page = _Page()
    page.read(root)
    about = {
        (meta.get("name") or meta.get("property") or "").lower(): meta.get("content") or ""
        for meta in root.iter("meta")
    }
    title = next(root.iter("title"), None)
    return Document(
        text=page.out.text,
        encoding=encoding,
        headings=tuple(page.out.headings),
        title=_collapse(str(title.xpath("string()"))) if title is not None else "",
        tags=keywords(about.get("keywords", "")),
        date=next((found for name in about if name in _DATES and (found := day(about[name]))), ""),
    )


def _decode(content: bytes) -> tuple[str, str]:
    """Text and encoding; what the page declares decides only where the bytes leave it open."""
    refused: Unreadable | None = None
    try:
        text, encoding = decode(content)
        if encoding not in ("cp932", "euc-jp"):
            return text, encoding
    except Unreadable as reason:
        refused = reason
    if found := _DECLARED.search(content, 0, _DECLARED_WITHIN):
        declared = found[1].decode("ascii", "replace").lower()
        if declared in _CHARSETS:
            with suppress(UnicodeDecodeError):
                return content.decode(_CHARSETS[declared]), declared
    if refused:
        raise refused
    return text, encoding


class _Page:
    """One walk over the page, without recursion, gathering inline text until a block ends.

    Blocks stand on lines of their own with a blank line between; white space collapses, and a
    line end between Japanese characters vanishes. Items of lists begin with "• " or "1. ",
    indented by two spaces a level. Rows of a table are "| a | b |", spans not repeated; a table
    that holds lists, headings or tables is layout, and its cells are blocks. Readings in ruby
    follow in 《》. Pictures and form fields are left out.
    """

    def __init__(self) -> None:
        self.out = Lines()
        self.inline: list[list[str]] = [[]]  # pieces of text, a list for each line
        self.lists: list[
            int
        ] = []  # The number of each open list's next item; 0 stands for bullets.
        self.mark = ""  # what the next line begins with
        self.indent = ""  # what the lines after it begin with
        self.verbatim = 0  # how many <pre> are open
        self.tables: list[etree._Element] = []
        self.layout: set[etree._Element] = set()
        self.cells: list[str] | None = None  # The cells of the open row of a table of facts.
        self.header_only = False  # all cells of that row so far are headers

    def read(self, root: etree._Element) -> None:
        self._find_layout(root)
        walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
        for event, element in walk:
            if event == "start":
                if self._unseen(element):
                    walk.skip_subtree()
                    continue
                self._open(element)
                self._write(element.text)
                continue
            if event == "end" and not self._unseen(element):
                self._close(element)
            if element is not root:
                self._write(element.tail)
        self._flush()

    def _find_layout(self, root: etree._Element) -> None:
        tables: list[etree._Element] = []
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if event == "end":
                if element.tag == "table":
                    tables.pop()
                continue
            if tables and element.tag in _LAYOUT:
                self.layout.add(tables[-1])
            if element.tag == "table":
                tables.append(element)

    def _unseen(self, element: etree._Element) -> bool:
        return (
            element.tag in _UNSEEN
            or "hidden" in element.attrib
            or bool(_HIDDEN.search(element.get("style", "")))
        )

    def _write(self, text: str | None) -> None:
        if text:
            self.inline[-1].append(text)

    def _open(self, element: etree._Element) -> None:
        tag = element.tag
        if tag in _BLOCKS and not self._in_cell(tag):
            self._flush()
        elif tag in _BLOCKS or tag == "br":
            self.inline.append([])
        if tag == "pre":
            self.verbatim += 1
        elif tag == "rt":
            self._write("《")
        elif tag in _LISTS:
            self.lists.append(1 if tag == "ol" else 0)
        elif tag == "li":
            self._open_item()
        elif tag == "table":
            self.tables.append(element)
        elif tag == "tr" and self._of_facts():
            self.cells, self.header_only = [], True
        elif tag in ("td", "th") and self.cells is not None:
            self.inline = [[]]
            self.header_only = self.header_only and tag == "th"

    def _close(self, element: etree._Element) -> None:
        tag = element.tag
        if tag == "rt":
            self._write("》")
        elif self.cells is not None and tag in ("td", "th", "tr"):
            self._close_cell(tag, self.cells)
        elif self.cells is None and tag in _HEADINGS:
            if heading := " ".join(filter(None, self._lines())):
                self.out.heading(heading, _HEADINGS[tag])
        elif tag in _BLOCKS and not self._in_cell(tag):
            self._flush()
        elif tag in _BLOCKS:
            self.inline.append([])
        if tag == "pre":
            self.verbatim -= 1
        elif tag in _LISTS:
            self.lists.pop()
            self.indent = "  " * min(len(self.lists), MAX_LEVEL)
        elif tag == "table":
            self.tables.pop()
            self.cells = None

    def _close_cell(self, tag: str, cells: list[str]) -> None:
        if tag != "tr":
            cells.append(" ".join(filter(None, self._lines())))
            return
        first = self.out.kind is not self.tables[-1]
        self.out.row(cells, self.tables[-1], header=self.header_only and first)
        self.cells = None

    def _of_facts(self) -> bool:
        return bool(self.tables) and self.tables[-1] not in self.layout

    def _in_cell(self, tag: str) -> bool:
        return self.cells is not None and tag not in ("table", "tr")

    def _open_item(self) -> None:
        level = min(max(len(self.lists), 1), MAX_LEVEL)
        number = self.lists[-1] if self.lists else 0
        if number:
            self.lists[-1] += 1
        self.mark = "  " * (level - 1) + (f"{number}. " if number else "• ")
        self.indent = "  " * level

    def _lines(self) -> list[str]:
        """The lines gathered so far, which begin anew."""
        gathered = ["".join(pieces) for pieces in self.inline]
        self.inline = [[]]
        if self.verbatim:
            return "\n".join(gathered).replace("\r", "\n").strip("\n").split("\n")
        return [_collapse(line) for line in gathered]

    def _flush(self) -> None:
        lines = self._lines()
        while lines and not lines[-1].strip():
            lines.pop()
        if not lines:
            return
        lines = lines[next(at for at, line in enumerate(lines) if line.strip()) :]
        if not self.lists and not self.mark:
            self.out.add(lines)
            return
        heads = [self.mark or self.indent] + [self.indent] * (len(lines) - 1)
        self.out.add([(h + line).rstrip() for h, line in zip(heads, lines, strict=True)], "list")
        self.mark = ""


def _collapse(text: str) -> str:
    """White space as a browser shows it; a line end between Japanese characters is none."""
    kept = []
    last = 0
    for space in _SPACE.finditer(text):
        kept.append(text[last : space.start()])
        last = space.end()
        before, after = text[max(space.start() - 1, 0) : space.start()], text[last : last + 1]
        joined = "\n" in space[0] and is_wide(before) and is_wide(after)
        kept.append("" if joined else " ")
    kept.append(text[last:])
    return "".join(kept).replace("\u00a0", " ").strip(" ")
