"""Passages like a given one: near in words and in meaning, the passage itself left out."""

from __future__ import annotations

from dataclasses import replace

from index.storage.searcher import LocalSearcher
from qa.hit import Hit
from qa.question import read_question
from qa.retrieve import CANDIDATES, candidates
from qa.why import found_words


def similar(
    path: str, line: int, index: LocalSearcher, k: int = 5
) -> tuple[Hit, list[tuple[Hit, float]]]:
    """The passage that begins at a line of a note, and the k most like it with their nearness.

    Nearness is the share of the score that the passage has with itself, 0 to 1. Found by the
    passage's own text as a question is; not ranked as answers are, for nothing is asked.

    Raises:
        LookupError: no passage begins there, as when the note has changed meanwhile.
    """
    try:
        own = next(p for p in index.passages_of(path) if p.start_line == line)
    except StopIteration:
        raise LookupError(f"{path}:{line}") from None
    asked = read_question(own.text, index)
    hits = candidates(asked, index, max(k + 1, CANDIDATES))
    itself = max((hit.score for hit in hits), default=1.0)
    others = [
        (replace(hit, words=found_words(asked, hit.passage.text)), hit.score / itself)
        for hit in hits
        if hit.passage.text != own.text and hit.score > 0
    ]
    return Hit(own, itself, 1.0, None), others[:k]
