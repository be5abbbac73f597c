"""The passages like one that a card shows, as a page of cards."""

from __future__ import annotations

from collections.abc import Sequence

from qa import Hit
from qa.citations import place
from ui.cards import card
from ui.html import both, safe

NONE = both("似た箇所はありません。", "There is none like it.")


def similar_page(like: Hit, found: Sequence[tuple[Hit, float]]) -> str:
    """A heading that names the passage, and a card for each that is like it, nearest first.

    Args:
        like: the passage itself.
        found: the others, with their nearness from 0 to 1.
    """
    title = both("似た箇所", "More like this")
    cards = "".join(card(hit, near) for hit, near in found) or f"<p>{NONE}</p>"
    return f"<h1>{title}</h1><p>{safe(place(like.passage))}</p><main>{cards}</main>"
