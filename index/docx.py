"""Word documents as lines: a line for a paragraph, with its tables and lists in place."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any, TypeAlias

import docx
from docx.oxml.ns import qn
from lxml import etree

from index.documents import Document, Lines, day, keywords
from index.errors import Unreadable

MAX_UNPACKED = (
    200_000_000  # bytes of all parts; a note of 50 MB is mostly pictures, which hardly pack
)
MAX_BASED_ON = 20  # styles below one another

_Element: TypeAlias = Any  # of lxml, which ships no types

_TITLES = frozenset({"Title", "表題"})  # Word keeps the names of built-in styles in English
_LIST_STYLE = re.compile(r"List (?:Bullet|Number) ([2-5])")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of old .doc, and of encrypted .docx
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_WRAPPERS = frozenset(qn(f"w:{name}") for name in "sdt sdtContent customXml smartTag ins".split())
_P, _TBL, _TR, _TC, _T, _RUN = (qn(f"w:{name}") for name in ("p", "tbl", "tr", "tc", "t", "r"))
_VAL = qn("w:val")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TEXT_BOX = qn("w:txbxContent")
_GONE = frozenset({qn("w:del"), qn("w:moveFrom"), qn("w:rPr"), qn("w:pPr"), _FALLBACK})


def read_docx(content: bytes) -> Document:
    """The body of a document: headings by the outline level of their style, not by its name.

    An empty paragraph is a blank line. Items of lists begin with "• " (numbers are not counted
    out), two spaces a level; rows of a table are "| a | b |". Text boxes follow their paragraph.
    Left out: headers, footers, footnotes, comments, what is deleted or hidden, pictures.

    Raises:
        Unreadable: encrypted, in the old .doc format, or unpacked far too large.
    """
    if content.startswith(_OLE):
        if _ENCRYPTED in content:
            raise Unreadable("パスワードで保護されています (protected by a password)")
        raise Unreadable("古い Word 形式 (.doc) です。.docx で保存してください (an old .doc file)")
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())  # zipfile holds them to it
    if unpacked > MAX_UNPACKED:
        raise Unreadable(
            f"展開すると大きすぎます: {MAX_UNPACKED // 1_000_000} MB まで (too large unpacked)"
        )
    document = docx.Document(io.BytesIO(content))
    body = _Body(document)
    for block in _within(document.element.body, (_P, _TBL)):
        body.table(block) if block.tag == _TBL else body.paragraph(block)
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


class _Body:
    """One pass over the blocks of a document's body."""

    def __init__(self, document: _Element) -> None:
        self.out = Lines()
        self.styles = {
            style.get(qn("w:styleId")): style
            for style in document.styles.element.iterchildren(qn("w:style"))
        }
        self.default = next(
            (name for name, style in self.styles.items()
             if style.get(qn("w:type")) == "paragraph" and style.get(qn("w:default")) == "1"),
            None,
        )  # fmt: skip
        self.below_title = 0  # how many levels a Title pushes the headings down

    def paragraph(self, paragraph: _Element) -> None:
        text, boxes = _text(paragraph)
        lines = text.strip("\n").split("\n")
        level = self._heading_level(paragraph)
        item = self._item_level(paragraph)
        if not text.strip():
            self.out.add([], "blank")
        elif level:
            self.out.heading(" ".join(line.strip() for line in lines), level)
        elif item is not None:
            indent = "  " * item
            self.out.add([f"{indent}• {lines[0]}", *(f"{indent}  {line}" for line in lines[1:])],
                         "list")  # fmt: skip
        else:
            self.out.add(lines, "paragraph")
        for box in boxes:
            for block in _within(box, (_P, _TBL)):
                self.table(block) if block.tag == _TBL else self.paragraph(block)

    def table(self, table: _Element) -> None:
        for row in _within(table, (_TR,)):
            cells = [
                " ".join(" ".join(_text(p)[0] for p in cell.iter(_P)).split())
                for cell in _within(row, (_TC,))
            ]
            header = row.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None
            self.out.row(cells, table, header=header and self.out.kind is not table)

    def _heading_level(self, paragraph: _Element) -> int:
        """1 and deeper; 0 for what is no heading."""
        if not _TITLES.isdisjoint(self._style_names(paragraph)):
            self.below_title = 1
            return 1
        outline = self._property(paragraph, "w:outlineLvl")
        value = int(outline.get(_VAL, "9")) if outline is not None else 9  # 9 is body text
        return value + 1 + self.below_title if 0 <= value < 9 else 0

    def _item_level(self, paragraph: _Element) -> int | None:
        """0 for the outermost items of a list; None for what is no item."""
        numbering = self._property(paragraph, "w:numPr")
        if numbering is None:
            return None
        number, level = numbering.find(qn("w:numId")), numbering.find(qn("w:ilvl"))
        if number is not None and number.get(_VAL) == "0":  # taken out of its style's list
            return None
        for name in self._style_names(paragraph):
            if found := _LIST_STYLE.fullmatch(name):  # a list of its own, only drawn further in
                return int(found[1]) - 1
        return min(max(int(level.get(_VAL, "0")), 0), 8) if level is not None else 0

    def _property(self, paragraph: _Element, name: str) -> _Element:
        """A property of a paragraph, its own or from the nearest style that has it."""
        for holder in (paragraph, *self._styles(paragraph)):
            found = holder.find(f"{qn('w:pPr')}/{qn(name)}")
            if found is not None:
                return found
        return None

    def _style_names(self, paragraph: _Element) -> list[str]:
        names = (style.find(qn("w:name")) for style in self._styles(paragraph))
        return [name.get(_VAL, "") for name in names if name is not None]

    def _styles(self, paragraph: _Element) -> Iterator[_Element]:
        """The paragraph's style and those it is based on."""
        style = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        name = style.get(_VAL) if style is not None else self.default
        for _ in range(MAX_BASED_ON):
            found = self.styles.get(name)
            if found is None:
                return
            yield found
            below = found.find(qn("w:basedOn"))
            name = below.get(_VAL) if below is not None else None


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
        elif tag == qn("w:ruby"):
            base, reading = (
                "".join(
                    t.text or "" for part in element.iterchildren(qn(name)) for t in part.iter(_T)
                )
                for name in ("w:rubyBase", "w:rt")
            )
            pieces.append(f"{base}《{reading}》" if reading else base)
            walk.skip_subtree()
        elif tag == _T:
            pieces.append((element.text or "").replace("\n", " "))
        elif tag == qn("w:tab"):
            pieces.append("\t")
        elif tag == qn("w:cr") or (tag == qn("w:br") and element.get(qn("w:type")) is None):
            pieces.append("\n")
        elif tag == qn("w:noBreakHyphen"):
            pieces.append("-")
    return "".join(pieces), boxes


def _is_hidden(run: _Element) -> bool:
    vanish = run.find(f"{qn('w:rPr')}/{qn('w:vanish')}")
    return vanish is not None and vanish.get(_VAL) not in ("0", "false", "off")
