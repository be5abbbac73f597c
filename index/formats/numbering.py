"""Word's automatic numbering, as Word shows it: 第2条, (3), ア), 1.2.

    Numbering(document) ─ mark(list, level) ▶ "第2条", counted up with each paragraph

The numbers stand nowhere in a document: its lists say how to count, and its paragraphs which list
they are of (ECMA-376, part 1, 17.9).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml.ns import qn

_Element: TypeAlias = Any  # This is lxml's element; lxml ships no types.
BULLET = "•"
LEVELS = 9  # of a list

_KANA = "".join(
    "アイウエオ カキクケコ サシスセソ タチツテト ナニヌネノ "
    "ハヒフヘホ マミムメモ ヤユヨ ラリルレロ ワヲン".split()
)
_IROHA = "".join(
    "イロハニホヘト チリヌルヲ ワカヨタレソ ツネナラム "
    "ウヰノオクヤマ ケフコエテ アサキユメミシ ヱヒモセスン".split()
)
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
_BY_PLACE = str.maketrans("0123456789", "〇一二三四五六七八九")


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    style: str  # w:numFmt: decimal, japaneseCounting, bullet, …
    text: str  # w:lvlText: 第%1条


@dataclass(slots=True)
class _List:
    """A list's levels, and how far each has been counted."""

    levels: dict[int, _Level]
    counts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The lists of a document, counted as its paragraphs come."""

    def __init__(self, document: _Element) -> None:
        """Read the lists; a document may have none."""
        self._lists: dict[str, _List] = {}
        self._of: dict[str, tuple[str, dict[int, int]]] = {}  # the list, and where it starts anew
        self._begun: set[str] = set()
        try:
            root = document.part.part_related_by(RELATIONSHIP_TYPE.NUMBERING).element
        except (KeyError, AttributeError):
            return
        for abstract in root.iterchildren(qn("w:abstractNum")):
            levels = {
                _number(of, "w:ilvl"): _level(of) for of in abstract.iterchildren(qn("w:lvl"))
            }
            self._lists[abstract.get(qn("w:abstractNumId"))] = _List(levels)
        for number in root.iterchildren(qn("w:num")):
            named = number.find(qn("w:abstractNumId"))
            starts = {
                _number(over, "w:ilvl"): _number(start, "w:val")
                for over in number.iterchildren(qn("w:lvlOverride"))
                if (start := over.find(qn("w:startOverride"))) is not None
            }
            if named is not None:
                self._of[number.get(qn("w:numId"))] = named.get(qn("w:val")), starts

    def mark(self, number: str, level: int) -> str:
        """What Word puts before the next paragraph of a list; a bullet where it does not count.

        Args:
            number: of the list, as w:numId.
            level: 0 outermost.
        """
        name, starts = self._of.get(number, ("", {}))
        listed = self._lists.get(name)
        if not listed or level not in listed.levels:
            return BULLET
        if number not in self._begun:  # a list that begins anew where it is first used
            self._begun.add(number)
            for at, start in starts.items():
                listed.counts[at] = start - 1
        own, counts = listed.levels[level], listed.counts
        counts[level] = counts.get(level, own.start - 1) + 1
        for deeper in range(level + 1, LEVELS):
            counts.pop(deeper, None)
        if own.style == "bullet":
            return BULLET

        def counted(found: re.Match[str]) -> str:
            at = int(found[1]) - 1
            of = listed.levels.get(at, own)
            return shown(counts.get(at, of.start), of.style)

        return re.sub("%([1-9])", counted, own.text).strip()


def shown(count: int, style: str) -> str:
    """A count as w:numFmt says: 3 as 三, ウ, iii, ③; a style that is not known as digits."""
    return _STYLES.get(style, str)(count)


def _roman(count: int) -> str:
    roman = ""
    for worth, signs in _ROMAN:
        roman += signs * (count // worth)
        count %= worth
    return roman


def _letter(count: int) -> str:
    """Letters from a to z, then aa, bb."""
    return chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)


def _counting(count: int) -> str:
    """二十一, as far as two digits go."""
    tens, ones = divmod(count, 10)
    if tens > 9:
        return str(count).translate(_BY_PLACE)
    ten = ("" if tens == 1 else str(tens)) + "十" if tens else ""
    return (ten + (str(ones) if ones else "")).translate(_BY_PLACE) or "〇"


def _circled(count: int) -> str:
    return chr(ord("①") + count - 1) if 1 <= count <= 20 else str(count)


_STYLES: dict[str, Callable[[int], str]] = {
    "none": lambda _: "",
    "decimalZero": lambda count: f"{count:02}",
    "lowerRoman": lambda count: _roman(min(count, 3_999)),
    "upperRoman": lambda count: _roman(min(count, 3_999)).upper(),
    "lowerLetter": _letter,
    "upperLetter": lambda count: _letter(count).upper(),
    **dict.fromkeys(("aiueo", "aiueoFullWidth"), lambda count: _KANA[(count - 1) % len(_KANA)]),
    **dict.fromkeys(("iroha", "irohaFullWidth"), lambda count: _IROHA[(count - 1) % len(_IROHA)]),
    **dict.fromkeys(
        ("decimalFullWidth", "decimalFullWidth2"), lambda count: str(count).translate(_WIDE)
    ),
    **dict.fromkeys(("decimalEnclosedCircle", "decimalEnclosedCircleChinese"), _circled),
    **dict.fromkeys(
        ("ideographDigital", "japaneseDigitalTenThousand"),
        lambda count: str(count).translate(_BY_PLACE),
    ),
    **dict.fromkeys(("japaneseCounting", "chineseCounting", "taiwaneseCounting"), _counting),
}


def _level(element: _Element) -> _Level:
    style, text = element.find(qn("w:numFmt")), element.find(qn("w:lvlText"))
    start = element.find(qn("w:start"))
    return _Level(
        start=_number(start, "w:val") if start is not None else 1,
        style=style.get(qn("w:val"), "decimal") if style is not None else "decimal",
        text=text.get(qn("w:val"), "") if text is not None else "",
    )


def _number(element: _Element, name: str) -> int:
    value = element.get(qn(name), "")
    return int(value) if value.isdecimal() and len(value) < 9 else 0
