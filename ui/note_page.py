"""One note as a plain page, its lines numbered and the cited ones marked: where citations lead.

No Gradio and no script: the note's text stands in it escaped, and nothing is loaded but note.css.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import pairwise
from urllib.parse import quote

from index.notes import Note

RANGES = 20  # of lines that one address may mark; a card cites three at most
PART = 20_000  # lines on one page: Chromium lays them out in 1 to 2 s; 50 MB hold a million lines
MISSING = """このノートは開けません。索引にないか、いまは読めないファイルです。
(This note cannot be opened: it is not in the index, or cannot be read now.)
"""
CHANGED = """<p class="changed">このファイルは索引を作ったあとで変わりました。
<span lang="en">Changed since it was indexed.</span></p>"""
PAGE = """<!doctype html>
<html lang="ja"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} – 聞き書き</title>
<link rel="stylesheet" href="/ui/note.css"></head>
<body><header><h1>{title}</h1>
<p><bdi>{path}</bdi> ・ <span>{count:,}行</span>{about}</p>{changed}</header>
<main style="--digits: {digits}">{before}{lines}{after}</main></body></html>
"""


def note_address(path: str, places: Iterable[tuple[int, int]]) -> str:
    """Where a note opens at its first place, with all places, (first, last) line, marked."""
    spans = [str(first) if first == last else f"{first}-{last}" for first, last in places]
    name = quote(path, safe="/", errors="replace")
    return f"/note/{name}?lines={','.join(spans)}#L{spans[0].partition('-')[0]}"


def note_page(note: Note, lines: str, part: int, *, changed: bool) -> str:
    """The page of a note with some lines marked, such as "12-14,20"; what is no range is ignored.

    Args:
        note: as its file is now.
        lines: counted from 1, ends included.
        part: which PART lines of a long note to show, counted from 1; 0: that of the first mark.
        changed: whether the file has changed since it was indexed, so that lines may have moved.
    """
    text = note.lines
    if not text[-1]:  # the end of the last line, not a line
        text.pop()
    cited = _numbers(lines, len(text))
    parts = range(1, (len(text) - 1) // PART + 2)
    if part not in parts:
        part = (min(cited, default=1) - 1) // PART + 1
    start = (part - 1) * PART
    end = min(start + PART, len(text))
    begins = {line: page for page, line in enumerate(note.pages, start=1)}  # a blank page has none
    cuts = [start + 1, *(line for line in sorted(begins) if start + 1 < line <= end), end + 1]
    lists = (
        f"{_page(begins.get(first))}{_list(text, first, after, cited)}"
        for first, after in pairwise(cuts)
    )
    return PAGE.format(
        title=escape(note.title),
        path=escape(note.path),
        count=len(text),
        digits=len(str(len(text))),
        changed=CHANGED if changed else "",
        about="".join(f" ・ <bdi>{escape(said)}</bdi>" for said in _about(note)),
        before=_turn("‹ {}", part - 1, parts),
        lines="\n".join(lists),
        after=_turn("{} ›", part + 1, parts),
    )


def _list(text: Sequence[str], first: int, after: int, cited: set[int]) -> str:
    """The lines from first to before after, numbered as in the note."""
    items = (
        f'<li id="L{number}"><mark>{escape(line)}</mark></li>'
        if number in cited
        else f'<li id="L{number}">{escape(line)}</li>'
        for number, line in enumerate(text[first - 1 : after - 1], start=first)
    )
    lines = "\n".join(items)
    return f'<ol start="{first}">\n{lines}\n</ol>'


def _page(number: int | None) -> str:
    """The rule over a page of a document; a heading, so that one can go from page to page."""
    return f'<h2 aria-label="{number}ページ">p. {number}</h2>\n' if number else ""


def _about(note: Note) -> Iterator[str]:
    """What the note says of itself besides its title."""
    if note.date:
        yield note.date
    if note.tags:
        yield " ".join(f"#{tag}" for tag in note.tags)


def _turn(label: str, part: int, parts: range) -> str:
    """A link to another part of a long note; empty when there is no such part."""
    if part not in parts:
        return ""
    lines = f"{(part - 1) * PART + 1:,}行から"
    return f'<nav><a href="?part={part}">{label.format(lines)}</a></nav>'


def _numbers(lines: str, count: int) -> set[int]:
    """The line numbers from 1 to count that are named."""
    ranges = re.findall(r"(\d{1,9})(?:-(\d{1,9}))?", lines)[:RANGES]
    return {
        number
        for first, last in ranges
        for number in range(max(int(first), 1), min(int(last or first), count) + 1)
    }
