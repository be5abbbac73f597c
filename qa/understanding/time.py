"""Times in a question, against the notes: 昨日 as a day, 4月8日 with its year, a week as its days.

昨日の会議は？   ─ dated ▶ 昨日(2026年11月24日)の会議は？
4月8日の夕飯は？ ─ dated ▶ 2024年4月8日の夕飯は？  the newest year that has notes of it
11月16日〜22日   ─ read_spans ▶ one word that any of these days fulfils
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from index.storage.searcher import Searcher
from index.words.dates import Date, days, find_dates, until
from index.words.letters import nfkc
from index.words.tokens import Word

DAYS = {"今日": 0, "本日": 0, "昨日": -1, "きのう": -1, "一昨日": -2, "おととい": -2}
DAYS |= {"明日": 1, "あした": 1, "明後日": 2, "あさって": 2}
WEEKS = {"今週": 0, "先週": -1, "先々週": -2, "来週": 1}
MONTHS = {"今月": 0, "先月": -1, "先々月": -2, "来月": 1}
YEARS = {"今年": 0, "去年": -1, "昨年": -1, "一昨年": -2, "おととし": -2, "来年": 1}
SEASONS = {"春": (3, 5), "夏": (6, 8), "秋": (9, 11), "冬": (12, 14)}  # months; 13 is next January
RECENT = 30  # days that 最近 stands for
RECENT_YEARS = 3  # in which notes that are kept by day have one
LONGEST = 62  # days of a span that are looked for one by one; of a longer one its months
BACK = 40  # years in which the newest note of a day without a year is looked for

_NAMES = "|".join(sorted([*DAYS, *WEEKS, *MONTHS], key=len, reverse=True))
_RELATIVE = re.compile(
    rf"(?<![一-龠])(?:(?P<year>{'|'.join(YEARS)})"
    r"(?:の?(?:(?P<season>[春夏秋冬])(?![一-龠])|(?P<month>[0-9]{1,2})月(?:(?P<day>[0-9]{1,2})日)?))?"
    rf"|(?P<week>{'|'.join(WEEKS)})の?(?P<weekday>[月火水木金土日])曜日?"
    rf"|この(?P<this>[春夏秋冬])(?![一-龠])|(?P<recent>最近|このところ)|(?P<name>{_NAMES}))"
    r"(?![(（])"
)
_SPELLED = re.compile(rf"(?:{_RELATIVE.pattern.removesuffix('(?![(（])')})(?=\([^()]*[0-9]年)")


def dated(question: str, index: Searcher, today: date | None = None) -> str:
    """A question with its times spelled out, where notes of such a time are there.

    Args:
        question: as it is to be searched.
        index: whose notes are asked.
        today: for 昨日 and the like; the system's day when None.
    """
    today = today or date.today()

    def spelled(found: re.Match[str]) -> str:
        span = _meant(found, today)
        if not all(of.is_real(of.year) for of in span):
            return found[0]
        by_day = found["name"] or found["week"]
        there = index.frequency(_any_of(*span))[0] or (by_day and _keeps_time(index, today))
        return f"{found[0]}({written(*span)})" if there else found[0]

    return _with_years(_RELATIVE.sub(spelled, question), index, today)


def read_spans(text: str) -> tuple[str, list[Word]]:
    """A question in NFKC without the spans of time in it, and a word for each of these.

    A span of days must be met; one of months or years (今年の夏) is looked for.
    """
    text = _SPELLED.sub("", text)
    words: list[Word] = []
    kept, done = [], 0
    for first, last in times(text):
        if first.year and first[:4] != last[:4]:
            words.append(replace(_any_of(first, last), exact=bool(first.day)))
            kept.append(text[done : first.start])
            done = last.end
    return "、".join([*kept, text[done:]]), words


def on_day(question: str, day: Date) -> str:
    """A question with its time as the day or month itself, where that lies in it; else empty.

    先週(2026年11月16日〜2026年11月22日)の夕飯は？ of 2026-11-17 is 2026年11月17日の夕飯は？
    """
    text = _SPELLED.sub("", nfkc(question))
    if not day.year:
        return ""
    for first, last in times(text):
        if first.year and first.first <= day.first and day.last <= last.last:
            before, after = text[: first.start], text[last.end :]
            if before.endswith("(") and after.startswith(")"):
                before, after = before[:-1], after[1:]
            return f"{before}{day.spoken}{after}"
    return ""


def times(text: str) -> Iterator[tuple[Date, Date]]:
    """The times in a text in NFKC, each by its first and last day: 4月1日〜3日, 4/1から4/3, 4月."""
    done = 0
    for first in find_dates(text):
        if first.start >= done:
            last = until(text, first)
            done = last.end
            yield first, last


def _any_of(first: Date, last: Date) -> Word:
    """One word that each day, or each month, from first to last fulfils."""
    begin, end = first.first, last.last
    if first == last and not first.day:
        terms = [f"{first.year}-{first.month}" if first.month else str(first.year)]
    elif (end - begin).days < LONGEST and first.day:
        terms = [f"{day.year}-{day.month}-{day.day}" for day in days(begin, end)]
    else:
        terms = list(dict.fromkeys(f"{day.year}-{day.month}" for day in days(begin, end)))
    without_year = tuple(f"?{term[4:]}" for term in terms) if first.day else ()
    return Word(written(first, last), "code", tuple(terms), sought=without_year)


def _keeps_time(index: Searcher, today: date) -> bool:
    """Whether some notes are of a day or year: then those of a day that is asked for would be."""
    years = (Date(today.year - back) for back in range(RECENT_YEARS))
    return any(index.frequency(_any_of(year, year))[0] for year in years)


def _meant(found: re.Match[str], today: date) -> tuple[Date, Date]:
    """First and last of the time that a word stands for."""
    if found["recent"]:
        return _day(today - timedelta(days=RECENT)), _day(today)
    if season := found["season"] or found["this"]:
        year = today.year + (YEARS[found["year"]] if found["year"] else 0)
        first, last = SEASONS[season]
        return Date(year, first), Date(year + (last - 1) // 12, (last - 1) % 12 + 1)
    if found["year"]:
        year = today.year + YEARS[found["year"]]
        of = Date(year, int(found["month"] or 0), int(found["day"] or 0))
        return of, of
    if found["week"]:
        monday = today + timedelta(days=7 * WEEKS[found["week"]] - today.weekday())
        of = _day(monday + timedelta(days="月火水木金土日".index(found["weekday"])))
        return of, of
    name = found["name"]
    if name in WEEKS:
        monday = today + timedelta(days=7 * WEEKS[name] - today.weekday())
        return _day(monday), _day(monday + timedelta(days=6))
    if name in MONTHS:
        months = today.year * 12 + today.month - 1 + MONTHS[name]
        return (of := Date(months // 12, months % 12 + 1)), of
    return (of := _day(today + timedelta(days=DAYS[name]))), of


def _day(of: date) -> Date:
    return Date(of.year, of.month, of.day)


def written(first: Date, last: Date) -> str:
    """「2026年11月16日〜2026年11月22日」, or a lone day, month or year."""
    return "〜".join(dict.fromkeys([first.spoken, last.spoken]))


def _with_years(question: str, index: Searcher, today: date) -> str:
    """The question with the year of the newest notes of its days, where it names none."""
    parts, done = [], 0
    for first, last in times(question):
        if first.year or not first.day:
            continue
        for year in range(today.year + 1, today.year - BACK, -1):
            if not (first.is_real(year) and last.is_real(year)):
                continue
            begin, end = first._replace(year=year), last._replace(year=year)
            of_year = replace(_any_of(begin, end), sought=())  # not those without a year, too
            if end.first >= begin.first and index.frequency(of_year)[0]:
                parts += [question[done : first.start], written(begin, end)]
                done = last.end
                break
    return "".join([*parts, question[done:]])
