"""The reader: a small network that reads a question beside a passage.

    question, Passage[] ─ windows ▶ one batch of token ids ▶ network ▶ Finding[]

It tells how likely a passage answers, and which of its words do. It has no words of its own: what
it points at stands in the notes. KIKIGAKI_READER=off, or damaged files, leave search to words and
vectors alone.

What it reads at a time is a window: the question, what stands above a passage, a piece of it.

    <s> question </s></s> title › headings, piece </s>
"""

from __future__ import annotations

import json
import logging
import os
import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.errors import ModelUnavailable
from index.messages import said
from index.models.onnx_model import (
    MANIFEST,
    fingerprint,
    must_be_whole,
    open_session,
    open_tokenizer,
    run_each,
    sha256,
)
from index.passages import Passage
from index.settings import DEFAULT_MODEL, DEFAULT_READER
from index.words.sentences import sentences
from qa.hit import Finding
from qa.understanding.reworded import reworded

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

WINDOW = 144  # tokens; the longest it was trained on, and fewer windows repeat the question
MAX_SPAN = 32  # tokens: of JaQuAD's answers 99.5 % are no longer

log = logging.getLogger(__name__)
QUESTION_TOKENS = 48  # 99 of 100 of JaQuAD's questions are no longer
CONTEXT_TOKENS = 24  # Of longer headings the last tokens stay: they are nearest.
SPECIAL = 4  # tokens between the parts
SMALLEST = QUESTION_TOKENS + SPECIAL + 12  # window
LEAST = 1 / 3  # A window that would end sooner is cut within a sentence.


class Reader:
    """A folder from `training.pack_reader`."""

    def __init__(self, folder: Path, encoder: Path = DEFAULT_MODEL) -> None:
        """Open it, its files as the manifest says.

        Args:
            folder: the reader's.
            encoder: the folder of the encoder it was made from, for word embeddings and tokenizer.

        Raises:
            ModelUnavailable: a file is missing, damaged or unreadable, or the encoder is another.
        """
        try:
            self.fingerprint = fingerprint(folder)
            must_be_whole(folder)
            shared = json.loads((folder / MANIFEST).read_bytes())["shared"]
            for name, expected in shared["encoder"].items():
                if sha256(encoder / name) != expected:
                    raise ValueError(f"{encoder.name}/{name}: not the one it was made with")
            weights, shape = encoder / "model.safetensors", tuple(shared["shape"])
            words: NDArray[np.uint8] = np.memmap(weights, np.uint8, "r", shared["offset"], shape)
            self._words = words  # the session reads them where they are
            self._session = open_session(folder, {shared["name"]: words})
            self._cutter = Cutter(open_tokenizer(encoder))
        except Exception as error:  # the libraries raise whatever their parts do
            raise ModelUnavailable(said("reader_unusable", folder=folder, reason=error)) from error

    def read(self, question: str, passages: Sequence[Passage]) -> list[Finding | None]:
        """What it makes of each passage; None of one without a letter.

        Where the day that a passage stands under answers, start and end are both 0.
        """
        given = [reworded(question, passage) for passage in passages]
        windows = [
            (number, window)
            for number, (passage, of) in enumerate(zip(passages, given, strict=True))
            for window in self._cutter.cut(
                self._cutter.question(of.question), of.titles, of.before + passage.as_read, WINDOW
            )
        ]
        found: list[Finding | None] = [None] * len(passages)
        for (number, _), finding in zip(
            windows, self.read_windows([window for _, window in windows]), strict=True
        ):
            before = found[number]
            if before is None or finding.answers > before.answers:
                found[number] = finding
        return [
            finding and _shifted(finding, -len(of.before))
            for finding, of in zip(found, given, strict=True)
        ]

    def read_windows(self, windows: Sequence[Window]) -> list[Finding]:
        """What it makes of each window; characters are counted in the text it was cut from."""
        runs = run_each(self._session, [window.ids for window in windows])
        return [
            finding(
                window,
                spans[0, window.first : window.first + len(window.spans)],
                float(answers[0, 0]),
            )
            for window, (spans, answers) in zip(windows, runs, strict=True)
        ]


def _shifted(found: Finding, by: int) -> Finding:
    return replace(found, start=max(found.start + by, 0), end=max(found.end + by, 0))


def finding(window: Window, scores: NDArray[np.float32], answers: float) -> Finding:
    """What a window's scores come to.

    Args:
        window: it.
        scores: (its piece's tokens, 2), for each as the answer's first and last.
        answers: what the head for answers says; a likely start and end add to it.
    """
    totals = np.logaddexp.reduce(scores, axis=0)
    first, last = best_span(scores)
    sure = np.exp(scores[first, 0] + scores[last, 1] - totals.sum())
    reached = totals.sum() - 2 * np.log(len(scores))  # as training/reader_net.py
    return Finding(
        answers + float(reached), window.spans[first][0], window.spans[last][1], float(sure)
    )


def best_span(scores: NDArray[np.float32]) -> tuple[int, int]:
    """First and last of at most MAX_SPAN tokens whose scores (tokens, 2) are highest together."""
    ends = np.full((len(scores) + MAX_SPAN - 1,), -np.inf, np.float32)
    ends[: len(scores)] = scores[:, 1]
    reach = np.lib.stride_tricks.sliding_window_view(ends, MAX_SPAN)
    length = reach.argmax(axis=1)
    first = int((scores[:, 0] + reach.max(axis=1)).argmax())
    return first, first + int(length[first])


_loaded: dict[Path, Reader | None] = {}
_loading = threading.Lock()


def switched_off() -> bool:
    """Whether KIKIGAKI_READER says off."""
    return os.environ.get("KIKIGAKI_READER", "").strip().lower() == "off"


def load_reader() -> Reader | None:
    """The reader, unless it is switched off or cannot be opened; tried once a process."""
    if switched_off():
        return None
    with _loading:
        if DEFAULT_READER not in _loaded:
            try:
                _loaded[DEFAULT_READER] = Reader(DEFAULT_READER)
            except ModelUnavailable as error:
                log.warning("%s", error)
                _loaded[DEFAULT_READER] = None
        return _loaded[DEFAULT_READER]


def reader_failed() -> bool:
    """Whether there should be a reader, but it could not be opened in this process."""
    return not switched_off() and _loaded.get(DEFAULT_READER, True) is None


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids, and which characters of the passage's text the last of them stand for."""

    ids: list[int]
    spans: list[tuple[int, int]]  # Where each token of the piece stands in the text.

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
