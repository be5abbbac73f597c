"""One note as a plain page, its lines numbered and the cited ones marked: where citations lead.

No Gradio and no script: the note's text stands in it escaped, and nothing is loaded but note.css.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import islice, pairwise
from urllib.parse import quote

from index.names import visible
from index.notes import Note
from index.passages import Passage
from qa import Citation
from ui.html import both

_Spans = list[tuple[int, int]]
PLACES = 20  # that one address may mark; a card cites three at most
PLACE = re.compile(r"(\d{1,9})(?::(\d{1,9}))?(?:-(\d{1,9})(?::(\d{1,9}))?)?")
PART = 20_000  # lines on one page: Chromium lays them out in 1 to 2 s; 50 MB hold a million lines
MISSING = """このノートは開けません。索引にないか、いまは読めないファイルです。
(This note cannot be opened: it is not in the index, or cannot be read now.)
"""
# By itself this page shows the first of the two; in the chat's pane, that of the reader's language.
_CHANGED = both(
    "このファイルは索引を作ったあとで変わりました。"
    '<span lang="en">Changed since it was indexed.</span>',
    "Changed since it was indexed.",
)
CHANGED = f'<p class="changed">{_CHANGED}</p>'
_OPEN = both('エディタで開く <span lang="en">(open in editor)</span>', "Open in editor")
EDITOR = f'<a class="editor" href="{{}}">{_OPEN}</a>'
PAGE = """<!doctype html>
<html lang="ja"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} – 聞き書き</title>
<link rel="stylesheet" href="/ui/colours.css">
<link rel="stylesheet" href="/ui/lines.css">
<link rel="stylesheet" href="/ui/note.css"></head>
<body><header><h1>{title}</h1>
<p><bdi>{path}</bdi> ・ <span>{length}</span>{about}</p>{changed}{editor}</header>
<main class="lines" lang="ja" style="--digits: {digits}">{before}{lines}{after}</main></body></html>
"""


def note_address(path: str, places: Sequence[Passage | Citation]) -> str:
    """Where a note opens at the first of some places in it, with all of them marked."""
    name = quote(path, safe="/", errors="replace")
    return f"/note/{name}?at={','.join(map(_span, places))}#L{places[0].start_line}"


def _span(place: Passage | Citation) -> str:
    """「12」, 「12-14」, and for a quote with its first and last column, 「12:1-14:20」."""
    first, last = place.start_line, place.end_line
    if isinstance(place, Citation):
        before = 0 if "\n" in place.quote else place.column
        end = before + len(place.quote.rpartition("\n")[2])
        return f"{first}:{place.column + 1}-{last}:{end}"
    return str(first) if first == last else f"{first}-{last}"


def note_page(note: Note, at: str, part: int, *, changed: bool, editor: str = "") -> str:
    """The page of a note with some places marked; see `note_address`.

    Args:
        note: as its file is now.
        at: "12-14,20:3-20:9"; lines and columns are counted from 1, ends included. What is no
            place is ignored.
        part: which PART lines of a long note to show, counted from 1; 0: that of the first mark.
        changed: whether the file has changed since it was indexed, so that lines may have moved.
        editor: a link that opens the file in an editor; empty for none.
    """
    text = note.lines
    if not text[-1]:  # the end of the last line, not a line
        text.pop()
    cited = _marks(at, text)
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
        title=escape(visible(note.title)),
        path=escape(visible(note.path)),
        length=both(f"{len(text):,}行", f"{len(text):,} lines"),
        digits=len(str(len(text))),
        changed=CHANGED if changed else "",
        about="".join(f" ・ <bdi>{escape(said)}</bdi>" for said in _about(note)),
        editor=EDITOR.format(escape(editor)) if editor else "",
        before=_turn("‹ {}", part - 1, parts),
        lines="\n".join(lists),
        after=_turn("{} ›", part + 1, parts),
    )


def _list(text: Sequence[str], first: int, after: int, cited: Mapping[int, _Spans]) -> str:
    """The lines from first to before after, numbered as in the note."""
    items = (
        f'<li id="L{number}" class="cited">{_marked(line, cited[number])}</li>'
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
    first = f"{(part - 1) * PART + 1:,}"
    lines = both(f"{first}行から", f"from line {first}")
    return f'<nav><a href="?part={part}">{label.format(lines)}</a></nav>'


def _marks(at: str, text: Sequence[str]) -> Mapping[int, _Spans]:
    """What is to be marked of which line, as (start, end) offsets; lines count from 1."""
    marks: dict[int, _Spans] = defaultdict(list)
    for found in islice(PLACE.finditer(at), PLACES):
        first, start, last, end = (int(part) if part else 0 for part in found.groups())
        last = last or first
        for number in range(max(first, 1), min(last, len(text)) + 1):
            line = text[number - 1]
            begins = max(start - 1, 0) if number == first else 0
            ends = end if number == last and end else len(line)
            marks[number].append((begins, min(ends, len(line))))
    return marks


def _marked(line: str, spans: _Spans) -> str:
    """A line with some of it marked; where two spans overlap, one mark holds them."""
    parts, done = [], 0
    for start, end in sorted(spans):
        start = max(start, done)
        if start < end:
            parts += [escape(line[done:start]), f"<mark>{escape(line[start:end])}</mark>"]
            done = end
    return "".join([*parts, escape(line[done:])])
