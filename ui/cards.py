"""A passage as a card: where it stands, how near it is, its text with what was found marked.

Gradio's sanitiser keeps `class`, `id`, `href`, `hidden` and the like, but no `data-*` or `aria-*`
attribute: what the page's scripts need stands in those. The card's HTML is templates/cards.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby

from markupsafe import Markup

from index.messages import Said, joined
from index.names import visible
from index.passages import Passage
from index.storage.searcher import LocalSearcher
from qa import Citation, Hit
from qa.citations import lines_of, place
from qa.retrieve import CANDIDATES, candidates
from qa.understanding.question import read_question
from qa.why import found_words
from ui.html import rendered, safe
from ui.note_page import note_address, path_in_address

MOST_WORDS = 500  # marked in a passage, which has fewer; a kept conversation may hold any text


@dataclass(frozen=True, slots=True)
class Card:
    """One passage as its template needs it."""

    near: float | None  # to what was asked, 0 to 1; None of what only says of which day that is
    citations: Sequence[Citation]
    anchor: str
    address: str  # of the note, at the quotes
    steps: tuple[str, ...]  # the note and the headings above
    lines: Said
    place: Said
    changed: bool
    text: Markup
    like: str  # address of what is like it


def card(
    hit: Hit, near: float | None, citations: Sequence[Citation] = (), *, anchor: str = "cite"
) -> Card:
    """One passage, and the numbers of the citations taken from it.

    Args:
        hit: the passage, and the words in it that were searched.
        near: how near it is to what was asked, 0 to 1, as a bar; none for None.
        citations: what was quoted of it.
        anchor: the beginning of its numbers' ids, to keep the answers of one chat apart.
    """
    passage = hit.passage
    places: list[Passage | Citation] = list(citations) or [passage]
    return Card(
        near=near,
        citations=citations,
        anchor=anchor,
        address=note_address(passage.path, places),
        steps=(visible(passage.path), *passage.heading),
        lines=joined(dict.fromkeys(map(lines_of, places)), "、", ", "),
        place=place(places[0]),
        changed=any(cited.changed for cited in citations),
        text=_marked(hit, citations),
        like=f"/similar/{path_in_address(passage.path)}?line={passage.start_line}",
    )


def similar(
    path: str, line: int, index: LocalSearcher, k: int = 5
) -> tuple[Hit, list[tuple[Hit, float]]]:
    """The passage that begins at a line of a note, and the k most like it with their nearness.

    Nearness is the share of the score that the passage has with itself, 0 to 1. Found by the
    passage's own text as a question is; not ranked as answers are, for nothing is asked.

    Raises:
        LookupError: no passage begins there, as when the note has changed meanwhile.
    """
    own = next((p for p in index.passages_of(path) if p.start_line == line), None)
    if own is None:
        raise LookupError(f"{path}:{line}")
    asked = read_question(own.text, index)
    hits = candidates(asked, index, max(k + 1, CANDIDATES))
    itself = max((hit.score for hit in hits), default=1.0)
    others = [
        (replace(hit, words=found_words(asked, hit.passage.text)), hit.score / itself)
        for hit in hits
        if hit.passage.text != own.text and hit.score > 0
    ]
    return Hit(own, itself, 1.0, None), others[:k]


def similar_page(like: Hit, found: Sequence[tuple[Hit, float]]) -> str:
    """A heading that names the passage, and a card for each that is like it, nearest first."""
    cards = [card(hit, near) for hit, near in found]
    return rendered("similar.html", place=place(like.passage), found=cards)


def _marked(hit: Hit, citations: Sequence[Citation]) -> Markup:
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

    return Markup(_wrapped(range(len(text)), quoted, "mark", bold))


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
        part = show(list(run))
        parts.append(f"<{tag}>{part}</{tag}>" if inside else part)
    return "".join(parts)
