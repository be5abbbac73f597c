"""The reader: a small network that reads a question beside a passage.

    question, Passage[] ─ windows ▶ one batch of token ids ▶ network ▶ Finding[]

It tells how likely a passage answers, and which of its words do. It has no words of its own: what
it points at stands in the notes. KIKIGAKI_READER=off, or damaged files, leave search to words and
vectors alone.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from index.errors import ModelUnavailable
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
from qa.hit import Finding
from qa.windows import Cutter, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 144  # tokens; the longest it was trained on, and fewer windows repeat the question
MAX_SPAN = 32  # tokens: of JaQuAD's answers 99.5 % are no longer

log = logging.getLogger(__name__)


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
            raise ModelUnavailable(
                f"読解モデル {folder} を読み込めません（{error}）。言葉と意味の検索だけで答えます。"
                f"ファイルを入れ直すか、KIKIGAKI_READER=off としてください。\n"
                f"(The reader cannot be loaded; answers come from search alone. Restore its files, "
                f"or set KIKIGAKI_READER=off.)"
            ) from error

    def read(self, question: str, passages: Sequence[Passage]) -> list[Finding | None]:
        """What it makes of each passage; None of one without a letter."""
        asked = self._cutter.question(question)
        windows = [
            (number, window)
            for number, passage in enumerate(passages)
            for window in self._cutter.cut(asked, titles(passage), passage.text, WINDOW)
        ]
        found: list[Finding | None] = [None] * len(passages)
        for (number, _), finding in zip(
            windows, self.read_windows([window for _, window in windows]), strict=True
        ):
            before = found[number]
            if before is None or finding.answers > before.answers:
                found[number] = finding
        return found

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


def titles(passage: Passage) -> str:
    """What stands above a passage, as the reader was taught with; a bare note's file name."""
    return " › ".join(passage.heading) or PurePosixPath(passage.path).stem


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
