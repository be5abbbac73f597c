"""Tables in notes, of Markdown, CSV and TSV: rows, cells, the names of the columns.

texts ─ records ▶ (first, end, cells) …    each record of a CSV
texts ─ record_at ▶ (("品名", "りんご"), ("単価", "120円"))    the record that stands on a line
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

RECORDS = (".csv", ".tsv")  # files that are one table
MAX_RECORD_LINES = 50  # A quote in a CSV that stays open longer was never meant to open.
MAX_ROWS = 5_000  # of a Markdown table above a line, in which the names of its columns are sought

_ROW = re.compile(r"\|.*\|\s*$")
_RULE = re.compile(r"\|(?=.*-)[\s:|+-]+$")  # below the names of a table's columns
_WALL = re.compile(r"(?<!\\)\|")
_NAMES = re.compile(  # A CSV's names are short and no numbers: not 1,000円.
    r'(?:"?[^\W\d][^\n,;\t"。]{0,19}"?(?:[,;\t]|$)){2,}'
)
_NUMBER = re.compile(r"[-+±¥$€]?[0-9][0-9,./:％%-]*|")


def holds_records(path: str) -> bool:
    """Whether a note is one table."""
    return path.lower().endswith(RECORDS)


def is_row(text: str) -> bool:
    """Whether a line is a row of a Markdown table."""
    return _ROW.match(text.strip()) is not None


def is_rule(text: str) -> bool:
    """Whether a line is the one below the names of a Markdown table's columns."""
    return _RULE.match(text.strip()) is not None


def row_cells(text: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    return [cell.strip() for cell in _WALL.split(text.strip())[1:-1]]


def column_names(text: str) -> list[str]:
    """The names of its columns that a table begins with, with the rule below; else none."""
    first, _, below = text.partition("\n")
    if is_row(first) and (not below or is_rule(below)):
        return row_cells(first)
    if _NAMES.fullmatch(text):
        return [name.strip().strip('"') for name in re.split("[,;\t]", text)]
    return []


def name_columns(cells: Sequence[str]) -> bool:
    """Whether the first record of a CSV names its columns: not all are numbers."""
    return len(cells) > 1 and not all(_NUMBER.fullmatch(cell.strip()) for cell in cells)


def cells_apart(text: str) -> str:
    """Records of a CSV with 、 between their cells: 1,200 and 300 are not 1,200,300."""
    parts = text.split('"')  # every other one stands in quotes
    return '"'.join(part if at % 2 else part.replace(",", "、") for at, part in enumerate(parts))


def records(texts: Sequence[str], path: str) -> Iterator[tuple[int, int, list[str]]]:
    """Where each record begins and ends, in lines counted from 0, the end not included; its cells.

    A record has several lines where a quoted cell has.
    """
    at, delimiter = 0, _delimiter(texts, path)
    while at < len(texts):
        end = min(at + MAX_RECORD_LINES, len(texts))
        following = (texts[line] + "\n" for line in range(at, end))
        reader = csv.reader(chain(following, ["\n"]), delimiter=delimiter)
        try:
            cells = next(reader)
        except csv.Error:  # a NUL, or a cell larger than the module reads
            cells = []
        # One more line than there are: a quote that nothing closes, so not one to go by.
        length = reader.line_num if cells and reader.line_num <= end - at else 1
        if any(text.strip() for text in texts[at : at + length]):
            yield at, at + length, cells
        at += length


def _delimiter(texts: Sequence[str], path: str) -> str:
    """The sign that stands most often in the first line that is not blank."""
    first = next(filter(str.strip, texts), "")
    signs = "\t,;" if path.lower().endswith(".tsv") else ",;\t"
    return max(signs, key=first.count)  # the first of equals


def record_at(texts: Sequence[str], path: str, line: int) -> list[tuple[str, str]]:
    """The record on a line (counted from 0) as names of columns and cells; empty for no record.

    Where a row has more cells than there are names, or fewer, "" stands for what is missing.
    """
    if holds_records(path):
        every = records(texts, path)
        names = next(every, (0, 0, list[str]()))[2]
        cells = next((cells for at, end, cells in every if at <= line < end), [])
        names = names if name_columns(names) else []
    else:
        head = _head(texts, line)
        names, cells = (row_cells(texts[head]), row_cells(texts[line])) if head >= 0 else ([], [])
    if not names:
        return []
    pairs = zip_longest(names, cells, fillvalue="")
    return [(name.strip(), " ".join(cell.split())) for name, cell in pairs]


def _head(texts: Sequence[str], line: int) -> int:
    """The line with the names of the columns of a row on a line; -1 where there are none."""
    for at in range(line, max(line - MAX_ROWS, -1), -1):
        if not is_row(texts[at]):
            return -1
        if is_rule(texts[at]):
            return at - 1 if at < line and at and is_row(texts[at - 1]) else -1
    return -1
