"""One note as a plain page, its lines numbered and the cited ones marked: where citations lead.

No Gradio: the note's text stands in templates/note_page.html escaped. A link in it opens the file
in the reader's editor, where KIKIGAKI_EDITOR says which.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice, pairwise
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from index.names import visible
from index.notes import Note
from index.passages import Passage
from qa import Citation
from ui.html import rendered

_Spans = list[tuple[int, int]]
PLACES = 20  # that one address may mark; a card cites three at most
PLACE = re.compile(r"(\d{1,9})(?::(\d{1,9}))?(?:-(\d{1,9})(?::(\d{1,9}))?)?")
PART = 20_000  # lines on one page: Chromium lays them out in 1 to 2 s; 50 MB hold a million lines
EDITORS = {
    "vscode": "vscode://file{path}:{line}",
    "obsidian": "obsidian://open?path={whole}",
    "file": "file://{path}",  # most browsers open no such link from a page; it can be copied
}
SCRIPT = re.compile(r"(?i)\s*(?:javascript|data|vbscript|https?|blob):")


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a note that stand on one page of a document, or all of another note's."""

    page: int | None  # of the document, which begins here
    first: int  # number of the first line
    html: Markup


@dataclass(frozen=True, slots=True)
class Part:
    """Another part of a long note."""

    part: int
    line: int  # its first


def note_address(path: str, places: Sequence[Passage | Citation] = ()) -> str:
    """Where a note opens at the first of some places in it, with all of them marked."""
    address = f"/note/{path_in_address(path)}"
    at = ",".join(map(_span, places))
    return f"{address}?at={at}#L{places[0].start_line}" if places else address


def path_in_address(path: str) -> str:
    """A note's path as a part of an address."""
    return quote(path, safe="/", errors="replace")


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
    return rendered(
        "note_page.html",
        title=visible(note.title),
        path=visible(note.path),
        count=len(text),
        digits=len(str(len(text))),
        changed=changed,
        about=[note.date, " ".join(f"#{tag}" for tag in note.tags)],
        editor=editor,
        before=Part(part - 1, start - PART + 1) if part > 1 else None,
        lists=[
            Lines(begins.get(first), first, _lines(text, first, after, cited))
            for first, after in pairwise(cuts)
        ],
        after=Part(part + 1, start + PART + 1) if part + 1 in parts else None,
    )


def editor_link(file: Path, at: str) -> str:
    """The address that opens a file at the first line of "12-14,20"; empty without the setting.

    KIKIGAKI_EDITOR names one of EDITORS, or is an address with {path} and {line}, and {whole} for
    a path whose slashes are encoded too. It tells a browser where on this machine the notes are.
    """
    chosen = os.environ.get("KIKIGAKI_EDITOR") or ""
    address = EDITORS.get(chosen, chosen)
    if ":" not in address or SCRIPT.match(address):
        return ""
    line = re.match(r"\d+", at)
    path = file.as_posix()
    path = path if path.startswith("/") else f"/{path}"  # C:/notes
    places = {
        "path": quote(path),
        "whole": quote(path, safe=""),
        "line": line[0] if line else "1",
    }
    return re.sub(r"\{(path|whole|line)\}", lambda name: places[name[1]], address)


def _span(place: Passage | Citation) -> str:
    """「12」, 「12-14」, and for a quote with its first and last column, 「12:1-14:20」."""
    first, last = place.start_line, place.end_line
    if isinstance(place, Citation):
        before = 0 if "\n" in place.quote else place.column
        end = before + len(place.quote.rpartition("\n")[2])
        return f"{first}:{place.column + 1}-{last}:{end}"
    return str(first) if first == last else f"{first}-{last}"


def _lines(text: Sequence[str], first: int, after: int, cited: Mapping[int, _Spans]) -> Markup:
    """The lines from first to before after, numbered as in the note; not by a template: a million.

    A line is escaped as HTML needs it: no Markdown comes near it.
    """
    items = (
        f'<li id="L{number}" class="cited">{_marked(line, cited[number])}</li>'
        if number in cited
        else f'<li id="L{number}">{escape(line)}</li>'
        for number, line in enumerate(text[first - 1 : after - 1], start=first)
    )
    return Markup("\n".join(items))


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
