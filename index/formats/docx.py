"""Word documents as lines: a line for a paragraph, with its tables and lists in place."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import docx
from docx.oxml.ns import qn
from lxml import etree

from index.errors import Unreadable
from index.formats.documents import Document, Lines, day, keywords
from index.formats.numbering import BULLET, Numbering
from index.messages import said

MAX_UNPACKED = (
    200_000_000  # bytes of all parts; a note of 50 MB is mostly pictures, which hardly pack
)
BODY_TEXT = 9  # the outline level of what is no heading
MAX_LEVEL = 8  # Word's lists go no deeper; levels count from 0.
MAX_BASED_ON = 20  # styles below one another

_Element: TypeAlias = Any  # This is lxml's element; lxml ships no types.

_TITLES = frozenset({"Title", "表題"})  # Word keeps the names of built-in styles in English
_LIST_STYLE = re.compile(r"List (?:Bullet|Number) ([2-5])")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of old .doc, and of encrypted .docx
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_WRAPPERS = frozenset(qn(f"w:{name}") for name in "sdt sdtContent customXml smartTag ins".split())
_P, _TBL, _TR, _TC, _T, _RUN, _TAB, _CR, _BR, _RUBY, _RUBY_BASE, _RUBY_READING, _HYPHEN = (
    qn(f"w:{name}") for name in "p tbl tr tc t r tab cr br ruby rubyBase rt noBreakHyphen".split()
)
_PPR, _PSTYLE, _OUTLINE, _NUMBERING, _LIST, _LIST_LEVEL, _NAME, _BASED_ON = (
    qn(f"w:{name}") for name in "pPr pStyle outlineLvl numPr numId ilvl name basedOn".split()
)
_HEADER_ROW = f"{qn('w:trPr')}/{qn('w:tblHeader')}"
_VANISH = f"{qn('w:rPr')}/{qn('w:vanish')}"
_BREAK_TYPE = qn("w:type")
_VAL = qn("w:val")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TEXT_BOX = qn("w:txbxContent")
_GONE = frozenset({qn("w:del"), qn("w:moveFrom"), qn("w:rPr"), _PPR, _FALLBACK})


def read_docx(content: bytes) -> Document:
    """The body of a document: headings by the outline level of their style, not by its name.

    An empty paragraph is a blank line. Items of lists begin as Word shows them, with "• " or their
    number (第2条), two spaces a level; rows of a table are "| a | b |". Text boxes follow their
    paragraph. Left out: headers, footers, footnotes, comments, what is deleted or hidden, pictures.

    Raises:
        Unreadable: encrypted, in the old .doc format, or unpacked far too large.
    """
    if content.startswith(_OLE):
        if _ENCRYPTED in content:
            raise Unreadable(said("password"))
        raise Unreadable(said("old_word"))
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())  # zipfile holds them to it
    if unpacked > MAX_UNPACKED:
        raise Unreadable(said("too_large_unpacked", limit=MAX_UNPACKED // 1_000_000))
    document = docx.Document(io.BytesIO(content))
    body = _Body(document)
    body.blocks(document.element.body)
    about = document.core_properties
    written = about.created or about.modified
    return Document(
        text=body.out.text,
        encoding="docx",
        headings=tuple(body.out.headings),
        title=(about.title or "").strip(),
        tags=keywords(about.keywords or ""),
        date=day(written.isoformat()) if written else "",
    )


class _Item(NamedTuple):
    """Which list a paragraph is of."""

    list: str  # w:numId
    level: int  # 0 outermost


@dataclass(frozen=True, slots=True)
class _Style:
    """What a paragraph style, with those it is based on, says of a paragraph's role."""

    is_title: bool
    outline: int  # 0 outermost
    item: _Item | None


class _Body:
    """One pass over the blocks of a document's body."""

    def __init__(self, document: _Element) -> None:
        self.out = Lines()
        self._numbering = Numbering(document)
        self.below_title = 0  # how many levels a Title pushes the headings down
        self._sheet: dict[str | None, _Element] = {}
        self._default: str | None = None
        for style in document.styles.element.iterchildren(qn("w:style")):
            name = style.get(qn("w:styleId"))
            self._sheet[name] = style
            if style.get(qn("w:type")) == "paragraph" and style.get(qn("w:default")) == "1":
                self._default = name
        self._styles: dict[str | None, _Style] = {}

    def blocks(self, parent: _Element) -> None:
        """Add the paragraphs and tables that an element holds."""
        for block in _within(parent, (_P, _TBL)):
            if block.tag == _TBL:
                self._table(block)
            else:
                self._paragraph(block)

    def _paragraph(self, paragraph: _Element) -> None:
        text, boxes = _text(paragraph)
        lines = text.strip("\n").split("\n")
        level, item = self._role(paragraph)
        if not text.strip():
            self.out.add([], "blank")
        elif level:
            mark = self._numbering.mark(*item).strip(BULLET) if item else ""
            self.out.heading(" ".join([mark, *map(str.strip, lines)]).strip(), level)
        elif item is not None:
            first = f"{'  ' * item.level}{self._numbering.mark(*item)} "
            indent = "  " * (item.level + 1)
            self.out.add([first + lines[0], *(indent + line for line in lines[1:])], "list")
        else:
            self.out.add(lines, "paragraph")
        for box in boxes:
            self.blocks(box)

    def _table(self, table: _Element) -> None:
        for row in _within(table, (_TR,)):
            cells = [
                " ".join(" ".join(_text(p)[0] for p in cell.iter(_P)).split())
                for cell in _within(row, (_TC,))
            ]
            header = row.find(_HEADER_ROW) is not None
            self.out.row(cells, table, header=header and self.out.kind is not table)

    def _role(self, paragraph: _Element) -> tuple[int, _Item | None]:
        """Level as a heading, from 1, 0 for none; and which list it is of, if any."""
        own = paragraph.find(_PPR)
        named = own.find(_PSTYLE) if own is not None else None
        style = self._style(named.get(_VAL) if named is not None else self._default)
        outline, item = style.outline, style.item
        if own is not None:
            outline = _number(own.find(_OUTLINE), outline)
            if (numbering := own.find(_NUMBERING)) is not None:
                item = _item(numbering, item)
        if style.is_title:
            self.below_title = 1
            return 1, None
        return (outline + 1 + self.below_title if 0 <= outline < BODY_TEXT else 0), item

    def _style(self, name: str | None) -> _Style:
        if name not in self._styles:
            self._styles[name] = self._resolve(name)
        return self._styles[name]

    def _resolve(self, name: str | None) -> _Style:
        """A style with what it inherits; the nearest that says something decides."""
        is_title, outline, item = False, None, None
        for _ in range(MAX_BASED_ON):
            style = self._sheet.get(name)
            if style is None:
                break
            known_as = style.find(_NAME)
            shown = known_as.get(_VAL, "") if known_as is not None else ""
            is_title = is_title or shown in _TITLES
            properties = style.find(_PPR)
            if properties is not None:
                if outline is None and (found := properties.find(_OUTLINE)) is not None:
                    outline = _number(found, BODY_TEXT)
                if item is None and (numbering := properties.find(_NUMBERING)) is not None:
                    drawn_in = _LIST_STYLE.fullmatch(shown)  # a list of its own, further in
                    item = _item(numbering, None)
                    item = (item and drawn_in and _Item(item.list, int(drawn_in[1]) - 1)) or item
            below = style.find(_BASED_ON)
            name = below.get(_VAL) if below is not None else None
        return _Style(is_title, BODY_TEXT if outline is None else outline, item)


def _item(numbering: _Element, of_style: _Item | None) -> _Item | None:
    """A list's item, None where the paragraph was taken out of its style's list."""
    named = numbering.find(_LIST)
    if _number(named, 1) == 0:
        return None
    number = named.get(_VAL, "") if named is not None else of_style.list if of_style else ""
    return _Item(number, min(max(_number(numbering.find(_LIST_LEVEL), 0), 0), MAX_LEVEL))


def _number(element: _Element, default: int) -> int:
    value = element.get(_VAL, "") if element is not None else ""
    return int(value) if value.isdecimal() else default


def _within(block: _Element, wanted: tuple[str, ...]) -> Iterator[_Element]:
    """The wanted children of an element, those in content controls and the like included."""
    waiting = list(reversed(block))
    while waiting:
        child = waiting.pop()
        if child.tag in wanted:
            yield child
        elif child.tag in _WRAPPERS:
            waiting.extend(reversed(child))


def _text(paragraph: _Element) -> tuple[str, list[_Element]]:
    r"""A paragraph's visible text, \n where a line was broken by hand; and its text boxes."""
    pieces: list[str] = []
    boxes: list[_Element] = []
    walk = etree.iterwalk(paragraph, events=("start",))
    for _, element in walk:
        tag = element.tag
        if tag == _TEXT_BOX:
            boxes.append(element)
            walk.skip_subtree()
        elif tag in _GONE or (tag == _RUN and _is_hidden(element)):
            walk.skip_subtree()
        elif tag == _RUBY:
            base, reading = (
                "".join(t.text or "" for part in element.iterchildren(name) for t in part.iter(_T))
                for name in (_RUBY_BASE, _RUBY_READING)
            )
            pieces.append(f"{base}《{reading}》" if reading else base)
            walk.skip_subtree()
        elif tag == _T:
            pieces.append((element.text or "").replace("\n", " "))
        elif tag == _TAB:
            pieces.append("\t")
        elif tag == _CR or (tag == _BR and element.get(_BREAK_TYPE) is None):
            pieces.append("\n")
        elif tag == _HYPHEN:
            pieces.append("-")
    return "".join(pieces), boxes


def _is_hidden(run: _Element) -> bool:
    vanish = run.find(_VANISH)
    return vanish is not None and vanish.get(_VAL) not in ("0", "false", "off")
