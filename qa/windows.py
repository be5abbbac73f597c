"""What the reader reads at a time: a question, what stands above a passage, and a piece of it.

    <s> question </s></s> title › headings, piece </s>

A passage that is too long for one window is cut where its sentences end.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.passages import sentences

if TYPE_CHECKING:
    from tokenizers import Tokenizer

QUESTION_TOKENS = 48  # 99 of 100 of JaQuAD's questions are no longer
CONTEXT_TOKENS = 24  # of a longer title and headings, the last: nearest to the passage
SPECIAL = 4  # tokens between the parts
SMALLEST = QUESTION_TOKENS + SPECIAL + 12  # window
LEAST = 1 / 3  # of the room: a window that would end before that is cut within a sentence


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids, and which characters of the passage's text the last of them stand for."""

    ids: list[int]
    spans: list[tuple[int, int]]  # of the piece's tokens, in the text

    @property
    def first(self) -> int:
        """Where the piece begins in ids; it ends before the last."""
        return len(self.ids) - 1 - len(self.spans)


class Cutter:
    """Cuts windows by an encoder's tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take a tokenizer, which must not truncate."""
        self._tokenizer = tokenizer
        self._begin: int = tokenizer.encode("").ids[0]
        self._end: int = tokenizer.encode("").ids[-1]

    def question(self, text: str) -> list[int]:
        """Token ids of a question, its first QUESTION_TOKENS."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids[:QUESTION_TOKENS]

    def cut(self, question: Sequence[int], context: str, text: str, limit: int) -> list[Window]:
        """The windows of a passage, in order, none of more than limit tokens.

        Args:
            question: from `question`.
            context: what stands above the passage, as `index.storage.store.context_of` gives it.
            text: the passage's.
            limit: of tokens, all parts counted; at least SMALLEST. What stands above gives way to
                a question: together they take no more than half, as far as the question allows.
        """
        if limit < SMALLEST:
            raise ValueError(f"limit must be at least {SMALLEST}, not {limit}")
        encode = self._tokenizer.encode
        allowed = max(0, min(CONTEXT_TOKENS, limit // 2 - SPECIAL - len(question)))
        titles = encode(context, add_special_tokens=False).ids
        above = titles[max(0, len(titles) - allowed) :]
        encoding = encode(text, add_special_tokens=False)
        ids, spans = encoding.ids, encoding.offsets
        before = [self._begin, *question, self._end, self._end, *above]
        return [
            Window([*before, *ids[start:end], self._end], spans[start:end])
            for start, end in _pieces(text, spans, limit - len(before) - 1)
        ]


def _pieces(text: str, spans: Sequence[tuple[int, int]], room: int) -> list[tuple[int, int]]:
    """Start and end of each piece, in tokens, at most room long.

    The last one begins early enough to be as long as there is room for: more to understand it by.
    """
    if len(spans) <= room:
        return [(0, len(spans))] if spans else []
    starts = [start for start, _ in spans]
    cuts = [
        bisect_left(starts, begin + at)
        for begin, end in sentences(text)
        for at in _line_starts(text[begin:end])
    ]
    pieces, at = [], 0
    while len(spans) - at > room:
        fitting = [cut for cut in cuts if at + room * LEAST < cut <= at + room]
        end = max(fitting, default=at + room)
        pieces.append((at, end))
        at = end
    earliest = len(spans) - room
    return [*pieces, (min([cut for cut in cuts if cut >= earliest] + [at]), len(spans))]


def _line_starts(sentence: str) -> list[int]:
    lengths = [len(line) + 1 for line in sentence.split("\n")]
    return [sum(lengths[:number]) for number in range(len(lengths))]
