"""Examples for the reader: a question with a window that answers it and some that do not.

A question whose own passage is taken away is left with what the search ranked next: none of that
holds the answer, so it teaches when to say that the notes do not tell. Passages are as the store
cuts them, whole paragraphs in one layout and single bullets in the other, under their title.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.reader import Cutter, Window
from training.pairs import read_rows

TYPED = 0.2  # of the questions: how many are put as people type them
OWN = 0.3  # how often one negative is another window of the answer's own passage, if it has one


@dataclass(frozen=True, slots=True)
class Example:
    """A window, and the tokens of its piece where the answer may start and end; none: no answer."""

    window: Window
    answers: tuple[tuple[int, int], ...]


class Examples:
    """The pairs of a folder from training.pairs."""

    def __init__(self, folder: Path, cutter: Cutter) -> None:
        """Read it."""
        self.passages: list[str] = [row["text"] for row in read_rows(folder / "passages.jsonl")]
        rows = list(read_rows(folder / "pairs.jsonl"))
        self.rows = [row for row in rows if not row["held"]]
        self.held = [row for row in rows if row["held"]]
        self._cutter = cutter

    def groups(
        self, negatives: int, limits: Sequence[int], chosen: random.Random
    ) -> Iterator[list[Example]]:
        """Without end: an answering window, then negatives that do not answer the same question.

        Args:
            negatives: how many.
            limits: of tokens a window; each group takes one of them.
            chosen: makes the choices.
        """
        while True:
            chosen.shuffle(self.rows)
            for row in self.rows:
                group = self.group(row, negatives, chosen.choice(limits), chosen)
                if group:
                    yield group

    def group(
        self, row: dict[str, Any], negatives: int, limit: int, chosen: random.Random
    ) -> list[Example]:
        """One question's examples, the answering one first; empty if a window cuts the answer."""
        typed = row["typed"] and chosen.random() < TYPED
        asked = self.question(chosen.choice(row["typed"]) if typed else row["question"])
        own = self.windows(asked, row["positive"], limit, row["answer"])
        answering = [example for example in own if example.answers]
        if not answering:
            return []
        beside = [example for example in own if not example.answers]
        group = [chosen.choice(answering)]
        if beside and chosen.random() < OWN:
            group.append(chosen.choice(beside))
        for number in chosen.sample(row["negatives"], len(row["negatives"])):
            other = self.windows(asked, number, limit, row["answer"])
            if other and len(group) <= negatives:
                group.append(chosen.choice(other))
        return group

    def question(self, text: str) -> list[int]:
        """Token ids of a question."""
        return self._cutter.question(text)

    def text(self, number: int) -> str:
        """A passage without what stands above it."""
        return self.passages[number].partition("\n")[2]

    def windows(self, asked: list[int], number: int, limit: int, answer: str) -> list[Example]:
        """All windows of a passage, with where the answer stands in each."""
        context, _, text = self.passages[number].partition("\n")
        return [
            Example(window, tuple(_occurrences(window, text, answer)))
            for window in self._cutter.cut(asked, context, text, limit)
        ]


def _occurrences(window: Window, text: str, answer: str) -> Iterator[tuple[int, int]]:
    """First and last token of each place in a window where the answer stands."""
    starts = [start for start, _ in window.spans]
    at = text.find(answer, starts[0], window.spans[-1][1])
    while at >= 0:
        first = bisect_right(starts, at) - 1
        yield first, bisect_right(starts, at + len(answer) - 1) - 1
        at = text.find(answer, at + 1, window.spans[-1][1])
