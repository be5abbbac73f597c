"""Dates as Japanese write them: in a sentence, in a file's name, in what a note says of itself.

令和6年4月1日, 2024/4/1, R6.4.1 ─ numbers ▶ (2024, 4, 1)
会議20240401, 2024-04, <2024-04-01 Mon> ─ iso_date ▶ "2024-04-01"
"""

from __future__ import annotations

import re
from datetime import date

from index.words.markup import composed

# A date in running text: 令和6年4月1日, 2024年4月, 2024-04-01, 2024/4/1, R6.4.1.
DATE = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?:(?:明治|大正|昭和|平成|令和)(?:元|[0-9]{1,2})|[12][0-9]{3})年[0-9]{1,2}月(?:[0-9]{1,2}日)?"
    r"|(?:[12][0-9]{3}|[MTSHR][0-9]{1,2})[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?![0-9]))"
)
# What can only be a date where one is expected, besides: 会議20240401, 2024_04_01, 2024-04.
_NAMED = re.compile(
    rf"{DATE.pattern}|(?<![0-9])[12][0-9]{{3}}(?:"
    r"(?P<sign>[-_/.])[0-9]{1,2}(?P=sign)[0-9]{1,2}(?![0-9])"
    r"|[-_/.][0-9]{2}(?![-_/.]?[0-9])|[0-9]{4}(?![0-9]))"
)
_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}  # the year before
_ERAS |= {"M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018}
YEARS = range(1900, 2101)  # Notes are of these; other four digits are numbers.


def numbers(written: str) -> tuple[int, ...] | None:
    """Year, month and, where it is written, day of what DATE matched; None for no real date."""
    era = next((era for era in _ERAS if written.startswith(era)), "")
    year, *rest = re.findall("[0-9]+|元", written)
    found = ((1 if year == "元" else int(year)) + _ERAS.get(era, 0), *map(int, rest))
    real = 1 <= found[1] <= 12 and 1 <= (found[2:] or (1,))[0] <= 31
    return found if real else None


def iso_date(text: str) -> str:
    """The first date in a text as yyyy-mm-dd, a month as its first day; empty where none is."""
    for match in _NAMED.finditer(composed(text, "NFKC")):
        written = match[0]
        if written.isdigit():
            written = f"{written[:4]}-{written[4:6]}-{written[6:]}"
        year, month, *day = numbers(written) or (0, 0)
        try:
            found = date(year, month, *(day or [1]))
        except ValueError:  # the 31st of February
            continue
        if found.year in YEARS:
            return found.isoformat()
    return ""
