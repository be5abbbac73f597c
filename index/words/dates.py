"""Dates as Japanese write them: in a sentence, a question, a file's name, of a note itself.

    2024年4月1日(月), 令和六年四月一日, R6.4.1, 4/8, 20240415 ─ find_dates ▶ Date …
    会議20240401, 24-05-05 (a file's name)                   ─ iso_date   ▶ "2024-04-01"

The only place that knows how a date is written.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import PurePosixPath
from typing import NamedTuple

from index.words.markup import composed
from index.words.numerals import value

_NUMBER = "(?:[0-9]{1,2}|[〇一二三四五六七八九十]{1,3})"
_ERA_NAMES = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_ERAS = {**_ERA_NAMES, "M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018}  # the year before
_YEAR = (
    rf"(?:(?:{'|'.join(_ERA_NAMES)})(?:元|{_NUMBER})"
    "|[12][0-9]{3}|[一二][〇一二三四五六七八九]{3})年度?"
)
_PARTS = {"初旬": (1, 10), "上旬": (1, 10), "初め": (1, 10), "中旬": (11, 20), "半ば": (11, 20)}
_PARTS |= {"下旬": (21, 31), "末": (21, 31)}
_DAY = rf"(?P<day>{_NUMBER})日|(?P<part>{'|'.join(_PARTS)})"
_SIGNED = r"(?P<sign>[-/._])(?P<{0}>[0-9]{{1,2}})(?P=sign)(?P<{1}>[0-9]{{1,2}})(?![0-9]|[-/.][0-9])"
DATE = re.compile(
    r"(?<![0-9A-Za-z〇一二三四五六七八九十])(?:"
    rf"(?:(?P<year>{_YEAR})(?![代間]|ぶり))?(?:(?P<month>{_NUMBER})月(?:{_DAY})?)"
    rf"|(?P<lone>{_YEAR})(?![代間]|ぶり)"
    rf"|(?P<western>[12][0-9]{{3}}|[MTSHR][0-9]{{1,2}}){_SIGNED.format('m1', 'd1')}"
    r"|(?P<y2>[12][0-9]{3})(?:-(?P<m2>[0-9]{2})|/(?P<m3>[0-9]{1,2}))(?![0-9]|[-/.][0-9])"
    r"|(?P<compact>(?:19|20)[0-9]{2}[01][0-9][0-3][0-9])(?![0-9]|[-/.][0-9])"
    r"|(?P<m4>[0-9]{1,2})/(?P<d4>[0-9]{1,2})(?![0-9]|[-/.][0-9])"
    r")(?: ?[(（][月火水木金土日](?:曜日?)?[・,]?祝?[)）])?"
)
_SHORT = re.compile(r"(?<![0-9])([0-9]{2})([-_.])([0-9]{2})\2([0-9]{2})(?![0-9])")  # 24-05-05
_COUNT = re.compile(r"(?<=[0-9]{4}-[0-9]{2}-[0-9]{2})-[0-9]{1,2}(?![0-9])")  # of names alike
_TO = re.compile(r" ?(?:から|[〜~～])の? ?")
_REST = re.compile("([0-9]{1,2})日")  # of 4月1日〜3日
LEAP_YEAR = 2024
LONGEST = 40  # characters of a day that is written by itself
YEARS = range(1868, 2101)  # Notes are of these; other four digits are numbers.


class Date(NamedTuple):
    """A day, a month or a year as it was written; what was not written is 0."""

    year: int
    month: int = 0
    day: int = 0
    part: str = ""  # of the month: 上旬, …
    start: int = 0  # where it stands in its text, in characters
    end: int = 0

    @property
    def iso(self) -> str:
        """yyyy-mm-dd, yyyy-mm of a month, yyyy of a year; --mm-dd where the year is not known."""
        month, day = (
            f"-{self.month:02}" if self.month else "",
            f"-{self.day:02}" if self.day else "",
        )
        return f"{self.year or '-'}{month}{day}"

    @property
    def spoken(self) -> str:
        """As Japanese write it: 2024年4月1日, 4月1日."""
        parts = ((self.year, "年"), (self.month, "月"), (self.day, "日"))
        return "".join(f"{number}{unit}" for number, unit in parts if number)

    @property
    def first(self) -> date:
        """The first day of it; the year must be known."""
        begins = _PARTS[self.part][0] if self.part else self.day or 1
        return date(self.year, self.month or 1, begins)

    @property
    def last(self) -> date:
        """The last day of it."""
        month = self.month or 12
        length = calendar.monthrange(self.year, month)[1]
        return date(
            self.year,
            month,
            min(_PARTS[self.part][1], length) if self.part else self.day or length,
        )

    def near(self, day: str) -> Date:
        """With the year that it most likely has below a day, month or year; as it is with one.

        Of a day without a year the nearest is meant: 1/8 in minutes of December is next January's.
        """
        base = from_iso(day)
        if self.year or not base or not base.year:
            return self
        if not base.month:
            return self._replace(year=base.year) if self.is_real(base.year) else self
        of = base.first if base.day else base.first.replace(day=15)
        years = [year for year in (of.year - 1, of.year, of.year + 1) if self.is_real(year)]
        return min(
            (self._replace(year=year) for year in years),
            key=lambda dated: (abs(dated.first - of), -dated.year),
            default=self,
        )

    def in_year(self, year: int) -> Date:
        """With that year, unless it has one."""
        return self if self.year else self._replace(year=year)

    def is_real(self, year: int) -> bool:
        """Whether the year has such a day."""
        try:
            self._replace(year=year).first  # noqa: B018
        except ValueError:
            return False
        return True


def find_dates(text: str) -> Iterator[Date]:
    """The dates in a text, which is in NFKC; what is no real date is passed over."""
    for match in DATE.finditer(text):
        if found := read_date(match):
            yield found


def read_date(match: re.Match[str]) -> Date | None:
    """The date that DATE matched; None where there is no such day."""
    of = match.groupdict()
    if compact := of["compact"]:
        year, month, day = int(compact[:4]), int(compact[4:6]), int(compact[6:])
    else:
        year = _year(of["year"] or of["lone"] or of["western"] or of["y2"] or "")
        month = _number(of["month"] or of["m1"] or of["m2"] or of["m3"] or of["m4"])
        day = _number(of["day"] or of["d1"] or of["d4"])
    found = Date(year, month, day, of["part"] or "", match.start(), match.end())
    known = bool(of["lone"] or month) and (not year or year in YEARS)
    return found if known and found.is_real(year or LEAP_YEAR) else None


def until(text: str, first: Date) -> Date:
    """The last day of a span that a date in a text begins (4月1日〜3日); itself where none."""
    if not (joined := _TO.match(text, first.end)):
        return first
    last = None
    if match := DATE.match(text, joined.end()):
        last = read_date(match)
    elif first.day and (match := _REST.match(text, joined.end())):
        last = Date(first.year, first.month, int(match[1]), "", match.start(), match.end())
    if not last or bool(last.day) != bool(first.day) or (last.year and not first.year):
        return first
    last = last._replace(year=last.year or first.year)
    year = last.year or LEAP_YEAR
    later = last.is_real(year) and last._replace(year=year).first >= first.in_year(year).first
    return last if later else first


def iso_date(text: str) -> str:
    """The date that a text names, as yyyy-mm-dd, a month as its first day; empty where it does not.

    For what names a note or says its date; see `named_date`.
    """
    found = named_date(text)
    return found.first.isoformat() if found else ""


def named_date(text: str) -> Date | None:
    """The first day or month with a year in what names a note, where 24-05-05 is one too."""
    text = composed(text, "NFKC")
    # An underscore parts words in names, but is one of a word's letters to the grammar; and of
    # names that would be the same the next one is counted: 2024-04-01-2.
    text = re.sub(
        r"(?<=[0-9])_(?=[^0-9])|(?<=[^0-9])_(?=[0-9])|(?<=[a-z])(?=20[0-9]{2})",
        " ",
        text,
        flags=re.I,
    )
    for found in find_dates(_COUNT.sub(" ", text)):
        if found.year and found.month:
            return found
    if short := _SHORT.search(text):
        found = Date(2000 + int(short[1]), int(short[3]), int(short[4]))
        if 1 <= found.month <= 12 and found.is_real(found.year):
            return found
    return None


def is_day(text: str) -> bool:
    """Whether a text is a day and nothing else: 2025年8月3日（日）, 8/3."""
    if len(text) > LONGEST:
        return False
    match = DATE.fullmatch(composed(text, "NFKC").strip())
    found = match and read_date(match)
    return bool(found and found.day)


def path_date(path: PurePosixPath) -> Date | None:
    """The first day or month that a note's name says, or its folders do: 2026/11/18.md."""
    by_folder = re.fullmatch("[0-9]{1,2}", path.stem) and len(path.parts) > 2
    return named_date("-".join([*path.parts[-3:-1], path.stem]) if by_folder else path.stem)


def day_alone(text: str) -> int:
    """The day of a month that a heading begins with, 18日（水）; 0 for anything else."""
    match = re.match(rf"({_NUMBER})日(?=$|[\s(（、:：])", text)
    return _number(match[1]) if match else 0


def whole_date(text: str) -> Date | None:
    """The date that a text is as a whole: 2024, 2024-04, 令和6年4月1日; None for anything else."""
    text = composed(text, "NFKC").strip()
    if re.fullmatch("[0-9]{4}", text) and int(text):
        return Date(int(text))
    if re.fullmatch("[0-9]{6}", text):
        text = f"{text[:4]}-{text[4:]}"
    match = DATE.fullmatch(text.replace(".", "-"))
    found = match and read_date(match)
    return found if found and found.year else None


def from_iso(text: str) -> Date | None:
    """What `Date.iso` gave; None of an empty text."""
    match = re.fullmatch("(?:([0-9]{4})|-)(?:-([0-9]{2}))?(?:-([0-9]{2}))?", text)
    if not match:
        return None
    year, month, day = (int(part or 0) for part in match.groups())
    return Date(year, month, day)


def shown(iso: str) -> str:
    """What `Date.iso` gave for a reader: of a day without a year 9月2日."""
    of = from_iso(iso)
    return of.spoken if of and not of.year else iso


def days(first: date, last: date) -> Iterator[date]:
    """Each day from the first to the last."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _year(written: str) -> int:
    if not written:
        return 0
    era = next((era for era in _ERAS if written.startswith(era)), "")
    number = written.removeprefix(era).rstrip("年度")
    count = 1 if number == "元" else _number(number)
    return count + _ERAS.get(era, 0) if count else -1


def _number(written: str | None) -> int:
    return int(_digits(written)) if written else 0


def _digits(written: str) -> str:
    if len(written) == 4 and not written.isdigit():  # 二〇一九, digit by digit
        return "".join(value(sign) for sign in written)
    return value(written) or "0"
