"""A passage as a card: where it stands, how near it is, its text with what was found marked.

Gradio's sanitiser keeps `class`, `id`, `href`, `hidden` and the like, but no `data-*` or `aria-*`
attribute: what the page's scripts need stands in those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set
from itertools import groupby
from urllib.parse import quote

from index.names import visible
from index.passages import Passage
from qa import Citation, Hit
from qa.citations import place
from qa.show import reason
from ui.html import both, safe
from ui.note_page import note_address

MOST_WORDS = 500  # marked in a passage, which has fewer; a kept conversation may hold any text
CHANGED = both(
    "このファイルは索引を作ったあとで変わりました。", "This file has changed since it was indexed."
)


def source(citation: Citation, anchor: str) -> str:
    """[1], a link to the quote in its note; what it is a link to, for its pane and for copying."""
    address = _address(citation.path, [citation])
    return (
        f'<a class="cite" id="to-{anchor}-{citation.n}" href="{address}" target="_blank">'
        f'[{citation.n}]</a><span class="place" hidden>{safe(place(citation))}</span>'
    )


def card(hit: Hit, near: float, citations: Sequence[Citation] = (), *, anchor: str = "cite") -> str:
    """One passage, and the numbers of the citations taken from it.

    Args:
        hit: the passage, and the words in it that were searched.
        near: how near it is to what was asked, 0 to 1, as a bar.
        citations: what was quoted of it.
        anchor: the beginning of its numbers' ids, to keep the answers of one chat apart.
    """
    passage = hit.passage
    numbers = "".join(f'<b id="{anchor}-{cited.n}">[{cited.n}]</b> ' for cited in citations)
    changed = any(cited.changed for cited in citations)
    why = "".join(
        f'<p class="why">[{cited.n}] {safe(reason(cited.why))}</p>' for cited in citations
    )
    like = f"/similar/{_name(passage.path)}?line={passage.start_line}"
    title = f"近さ {near:.0%} (nearness {near:.0%})"
    return (
        f'<article class="card" tabindex="-1"><header>'
        f'<meter min="0" max="1" value="{near:.2f}" title="{title}">{near:.0%}</meter>'
        f"{numbers}{_where(passage, citations)}"
        f"</header>{f'<p>{CHANGED}</p>' if changed else ''}"
        f'<pre lang="ja">{_marked(hit, citations)}</pre>{why}'
        f'<footer><a class="like" href="{safe(like)}" target="_blank">'
        f"{both('似た箇所', 'More like this')}</a></footer></article>"
    )


def lines_of(place: Passage | Citation) -> tuple[str, str]:
    """「12–14行」 and "lines 12–14", and of a document with pages its page."""
    start, end, page = place.start_line, place.end_line, place.page
    japanese, english = (
        (f"{start}行", f"line {start}")
        if start == end
        else (f"{start}–{end}行", f"lines {start}–{end}")
    )
    return (f"{japanese} {page}ページ", f"{english}, page {page}") if page else (japanese, english)


def _where(passage: Passage, citations: Sequence[Citation]) -> str:
    """「file › heading › 12–14行」, a link to these lines in the whole note."""
    places: list[Passage | Citation] = list(citations) or [passage]
    steps = (visible(passage.path), *passage.heading)
    names = (f'<bdi lang="ja">{safe(step)}</bdi>' for step in steps)
    japanese, english = zip(*dict.fromkeys(map(lines_of, places)), strict=True)
    lines = both("、".join(japanese), ", ".join(english))
    return (
        f'<a class="source" href="{_address(passage.path, places)}"'
        f' target="_blank" rel="noopener">'
        f"{' › '.join([*names, f'<span>{lines}</span>'])}</a>"
        f'<span class="place" hidden>{safe(place(places[0]))}</span>'
    )


def _address(path: str, places: Sequence[Passage | Citation]) -> str:
    return safe(note_address(path, places))


def _name(path: str) -> str:
    return quote(path, safe="/", errors="replace")


def _marked(hit: Hit, citations: Sequence[Citation]) -> str:
    """The passage's text with the quotes marked, and the words that were searched.

    Where quotes overlap, one mark holds them.
    """
    text = hit.passage.text
    lines = text.split("\n")
    quoted: set[int] = set()
    for cited in citations:
        before = sum(len(line) + 1 for line in lines[: cited.start_line - hit.passage.start_line])
        start = text.find(cited.quote, before)
        quoted.update(range(start, start + len(cited.quote)) if start >= 0 else ())
    words = _words(text, hit.words)

    def bold(part: Sequence[int]) -> str:
        return _wrapped(part, words, "b", lambda at: safe(text[at[0] : at[-1] + 1]))

    return _wrapped(range(len(text)), quoted, "mark", bold)


def _words(text: str, words: Iterable[str]) -> set[int]:
    """Where the words stand in a text; of two that begin at one place the longer."""
    longest = sorted(filter(None, words), key=len, reverse=True)[:MOST_WORDS]
    if not longest:
        return set()
    pattern = re.compile("|".join(map(re.escape, longest)))
    return {at for found in pattern.finditer(text) for at in range(*found.span())}


def _wrapped(
    places: Sequence[int], chosen: Set[int], tag: str, show: Callable[[Sequence[int]], str]
) -> str:
    """The places in a text as they are shown, runs of chosen ones in an element."""
    parts = []
    for inside, run in groupby(places, chosen.__contains__):
        shown = show(list(run))
        parts.append(f"<{tag}>{shown}</{tag}>" if inside else shown)
    return "".join(parts)
