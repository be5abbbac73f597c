"""python -m benchmarks.ablation FOLDER: what each part of the search is worth, in one table.

FOLDER comes from `python -m benchmarks.jaquad`. Each row searches the same questions with one part
alone, or with one part switched off; a hit is right when it covers the line that holds the answer.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from index.errors import NotesError
from index.models.encoder import Encoder, load_encoder
from index.storage.searcher import LocalSearcher, Searcher
from index.storage.store import open_store
from index.sync.build import build
from index.terminal import whole_number
from qa import rank as ranking
from qa.hit import Hit
from qa.questions import read_questions
from qa.retrieve import CANDIDATES, candidates, search
from qa.understanding.evidence import read
from qa.understanding.question import Question, read_question

DEPTH = 10
RRF_K = 60  # of reciprocal rank fusion; Cormack, Clarke and Büttcher, SIGIR 2009

Search = Callable[[Question, Searcher], Sequence[Hit]]


class Remembering:
    """An encoder that encodes each question once, so that every row costs only its search."""

    def __init__(self, encoder: Encoder) -> None:
        """Wrap an encoder."""
        self._encoder = encoder
        self._questions: dict[str, NDArray[np.float32]] = {}
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the encoder does."""
        return self._encoder.encode_passages(texts)

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the encoder does, remembered."""
        for text in texts:
            if text not in self._questions:
                self._questions[text] = self._encoder.encode_questions([text])[0]
        return np.array([self._questions[text] for text in texts])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--questions", type=whole_number, default=1_500, help="a random part, seed 0"
    )
    options = parser.parse_args(argv)
    rows = list(read_questions(options.folder / "questions.jsonl"))
    random.Random(0).shuffle(rows)
    rows = rows[: options.questions]
    encoder = Remembering(load_encoder())
    build(options.folder / "notes", options.folder / "store", encoder=encoder)
    print(f"| {len(rows)} questions | R@1 | R@3 | R@10 | RR |\n|---|---|---|---|---|")
    with (
        open_store(options.folder / "store", encoder=encoder) as store,
        store.searcher() as index,
    ):
        every = list(variants())
        for name, changed, find in track(every, console=Console(stderr=True)):
            with changed:
                read.cache_clear()  # what was read under another row's settings
                print("|", " | ".join([name, *measure(index, rows, find)]), "|", flush=True)
    return 0


def variants() -> Iterator[tuple[str, AbstractContextManager[Any], Search]]:
    """Each row of the table: its name, what is changed for it, and how it searches."""
    yield "words only", nullcontext(), _keywords(pairs=False)
    yield "bigrams only", nullcontext(), _keywords(words=False)
    yield "vectors only", nullcontext(), _vectors
    yield "words + bigrams", nullcontext(), _keywords()
    yield "words + bigrams + vectors, reciprocal rank fusion", nullcontext(), _reciprocal
    yield "words + bigrams + vectors, weighted sum", nullcontext(), _fused
    yield "the same, ranked: what is used", nullcontext(), _used
    yield "– without bigrams", nullcontext(), _used_without("pairs", "triples")
    yield (
        "– without vectors",
        patch.object(LocalSearcher, "question_vector", lambda *_: None),
        _used,
    )
    yield (
        "– without headings",
        patch("index.storage.keywords.CONTEXT_WEIGHT", 0.0),
        _without_headings,
    )
    yield (
        "– without parts and sounds",
        patch("index.storage.keywords.WEAKER_TERMS", 0.0),
        _bare_words,
    )
    yield "– without slips", patch("index.storage.keywords.SLIP_WEIGHT", 0.0), _used
    yield (
        "– with question endings",
        patch("qa.understanding.question.ENDING", re.compile(r"(?!)")),
        _used,
    )
    for sign in ranking.WEIGHTS:
        off = patch.dict(ranking.WEIGHTS, {sign: 0.0})
        yield f"– ranked without {sign}", off, _used


def measure(index: Searcher, rows: Sequence[dict[str, Any]], find: Search) -> list[str]:
    """Recall at 1, 3 and 10 and the reciprocal rank of one way to search, as shown."""
    ranks = [_rank(row, find(read_question(row["question"], index), index)) for row in rows]
    found = np.array([rank or np.inf for rank in ranks])
    values = [*((found <= k).mean() for k in (1, 3, DEPTH)), (1 / found).mean()]
    return [f"{value:.3f}" for value in values]


def _rank(row: dict[str, Any], hits: Sequence[Hit]) -> int | None:
    line = row["lines"][0]
    for rank, hit in enumerate(hits[:DEPTH], start=1):
        passage = hit.passage
        if passage.path == row["path"] and passage.start_line <= line <= passage.end_line:
            return rank
    return None


def _used(question: Question, index: Searcher) -> Sequence[Hit]:
    return search(question, index, DEPTH)


def _used_without(*fields: str) -> Search:
    off: dict[str, Any] = {name: () for name in fields}
    return lambda question, index: _used(replace(question, **off), index)


def _bare_words(question: Question, index: Searcher) -> Sequence[Hit]:
    words = tuple(replace(word, parts=(), sounds=()) for word in question.words)
    return _used(replace(question, words=words), index)


def _without_headings(question: Question, index: Searcher) -> Sequence[Hit]:
    with (
        patch("qa.understanding.evidence.HEADING_EVIDENCE", 0.0),
        patch("qa.understanding.evidence.NAMED_HEADING_EVIDENCE", 0.0),
    ):
        return _used(question, index)


def _fused(question: Question, index: Searcher) -> Sequence[Hit]:
    return candidates(question, index, DEPTH)


def _keywords(*, words: bool = True, pairs: bool = True) -> Search:
    def find(question: Question, index: Searcher) -> Sequence[Hit]:
        found = index.keywords(
            question.words if words else (), question.pairs if pairs else (), DEPTH
        )
        return _hits(index, found)

    return find


def _vectors(question: Question, index: Searcher) -> Sequence[Hit]:
    return _hits(index, _nearest(question, index, DEPTH))


def _reciprocal(question: Question, index: Searcher) -> Sequence[Hit]:
    scores: dict[int, float] = {}
    by_words = index.keywords(question.words, question.pairs, CANDIDATES)
    for found in (by_words, _nearest(question, index, CANDIDATES)):
        for rank, row in enumerate(found, start=1):
            scores[row] = scores.get(row, 0.0) + 1 / (RRF_K + rank)
    return _hits(index, sorted(scores, key=lambda row: -scores[row])[:DEPTH])


def _nearest(question: Question, index: Searcher, k: int) -> dict[int, float]:
    vector = index.question_vector(question.text)
    return index.nearest(vector, k) if vector is not None else {}


def _hits(index: Searcher, ids: Iterable[int]) -> list[Hit]:
    return [Hit(passage, 0.0, 0.0, None) for passage in index.passages(ids).values()]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotesError as error:
        sys.exit(str(error))
