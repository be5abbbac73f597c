"""Sentences of a text, and pieces of about equal length for what is too long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

_SENTENCE_END = re.compile(r"[。．！？!?]+[」』）)\]】]*|\.(?=\s)")
_PAUSE = re.compile(r"[、，,;；：:）)」』\s]")


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, in characters; together they cover the text exactly."""
    bounds = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    return [(start, end) for start, end in pairwise(bounds) if start < end]


def sentence_pieces(text: str, limit: int) -> list[tuple[int, int]]:
    """Start and end of pieces of about equal length, none over limit characters.

    Cut where a sentence ends, else at a comma or space, else anywhere; together they cover the
    text exactly.
    """
    parts = [
        (start + a, start + b)
        for start, end in sentences(text)
        for a, b in _hard_cuts(text[start:end], limit)
    ]
    share = len(text) / -(-len(text) // limit)  # equal pieces: no lone tail of three words
    pieces: list[tuple[int, int]] = []
    for start, end in parts:
        if pieces and end - pieces[-1][0] <= limit and start - pieces[-1][0] < share:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return pieces


def _hard_cuts(sentence: str, limit: int) -> Iterator[tuple[int, int]]:
    start = 0
    while len(sentence) - start > limit:
        pauses = [m.end() for m in _PAUSE.finditer(sentence, start + limit // 2, start + limit)]
        end = pauses[-1] if pauses else start + limit
        yield start, end
        start = end
    yield start, len(sentence)
