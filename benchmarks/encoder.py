"""python -m benchmarks.encoder NOTES --full MODEL: the default encoder against what it came from.

MODEL is the folder from `python -m training.unpack`: multilingual-e5-small with all its pieces, run
by sentence-transformers in float32. Each loads in a process of its own and encodes the
same passages of NOTES, three times each; medians are shown. Memory is what a process holds more
than before it imported the engine, in MB of 10^6 bytes: loaded, and after encoding.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.notes import read_notes
from index.settings import DEFAULT_MODEL
from index.splitting import split
from index.storage.rows import encoder_text

TURNS = 3
QUESTION = "Hyper-Vのライブマイグレーション対応は？"


@dataclass(frozen=True, slots=True)
class Run:
    """One engine's turn."""

    passages_a_second: float
    question_ms: float  # median of thirty
    load_seconds: float  # with imports
    loaded_megabytes: float
    used_megabytes: float


FIELDS = tuple(Run.__slots__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.encoder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notes", type=Path)
    parser.add_argument("--full", type=Path, required=True, help="folder from training.unpack")
    parser.add_argument("--passages", type=int, default=150, help="a random part, seed 0")
    options = parser.parse_args(argv)
    texts = [
        encoder_text(note.title, passage)
        for note in read_notes(options.notes)[0]
        for passage in split(note)
    ]
    random.Random(0).shuffle(texts)
    texts = texts[: options.passages]
    engines: dict[str, Callable[[Sequence[str]], Run]] = {"default": run_default}
    engines["full, float32"] = _Full(options.full)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        runs = {
            name: [pool.apply(engine, [texts]) for _ in range(TURNS)]
            for name, engine in engines.items()
        }
    print(
        f"| {len(texts)} passages | passages/s | a question, ms | load, s | MB loaded | MB used |"
    )
    print("|---|---|---|---|---|---|")
    for name, turns in runs.items():
        middle = [statistics.median(getattr(turn, field) for turn in turns) for field in FIELDS]
        digits = (1, 0, 1, 0, 0)
        cells = [f"{value:.{after}f}" for value, after in zip(middle, digits, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")
    return 0


def run_default(texts: Sequence[str]) -> Run:
    """The default encoder's turn, in a process that has not loaded one."""
    import numpy as np  # noqa: F401 - it is there whatever the encoder

    before, started = resident(), time.monotonic()
    from index.models.onnx_encoder import OnnxEncoder

    encoder = OnnxEncoder(DEFAULT_MODEL)
    return _timed(encoder.encode_questions, encoder.encode_passages, texts, before, started)


@dataclass(frozen=True, slots=True)
class _Full:
    folder: Path

    def __call__(self, texts: Sequence[str]) -> Run:
        import numpy as np  # noqa: F401

        before, started = resident(), time.monotonic()
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(self.folder), device="cpu")
        return _timed(
            lambda asked: model.encode(asked, prompt_name="query"),
            lambda found: model.encode(found, prompt_name="passage"),
            texts,
            before,
            started,
        )


def _timed(
    questions: Callable[[list[str]], object],
    passages: Callable[[list[str]], object],
    texts: Sequence[str],
    before: float,
    started: float,
) -> Run:
    loaded, held = time.monotonic() - started, resident() - before
    questions([QUESTION])
    passages(list(texts[:8]))
    asked = []
    for _ in range(30):
        begin = time.perf_counter()
        questions([QUESTION])
        asked.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    passages(list(texts))
    rate = len(texts) / (time.perf_counter() - begin)
    return Run(rate, statistics.median(asked) * 1000, loaded, held, resident() - before)


def resident() -> float:
    """Memory of this process now, in MB; Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    sys.exit(main())
