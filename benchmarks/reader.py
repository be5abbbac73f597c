"""python -m benchmarks.reader TRAINED JAQUAD: what each depth of the reader costs and gives.

TRAINED is a folder from `python -m training.reader`, which has heads at several depths; JAQUAD is a
folder of JaQuAD's files. Each depth is packed as it would be shipped and asked the same: EM and F1
with the right paragraph given, then the questions of tests/questions/seeds.jsonl over seeds/, of
which only the reading is timed, the depths in turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open

from index.settings import DEFAULT_MODEL, ROOT, SEEDS
from index.storage.store import open_store
from index.sync.build import build
from index.terminal import whole_number
from qa.questions import read_questions
from qa.rank import RANKED, READ, rank
from qa.reader import Reader
from qa.retrieve import candidates
from qa.understanding.question import read_question
from training.evaluate_reader import evaluate
from training.pack_reader import pack

QUESTIONS = ROOT / "tests" / "questions" / "seeds.jsonl"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reader",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trained", type=Path)
    parser.add_argument("jaquad", type=Path)
    parser.add_argument("--every", type=whole_number, default=8, help="of JaQuAD's questions")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        packed = {depth: Path(scratch, str(depth)) for depth in depths(options.trained)}
        for depth, folder in packed.items():
            pack(options.trained, folder, depth, DEFAULT_MODEL)
        times = reading_times({depth: Reader(folder) for depth, folder in packed.items()})
        print(f"| layers | MB | EM | F1 | reading {READ} passages, ms |\n|---|---|---|---|---|")
        for depth, folder in packed.items():
            scores = evaluate(folder, options.jaquad, DEFAULT_MODEL, options.every)
            megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
            print(
                f"| {depth} | {megabytes:.1f} | {scores['EM']:.3f} | {scores['F1']:.3f} "
                f"| {1_000 * float(np.median(times[depth])):.0f} |"
            )
    return 0


def depths(trained: Path) -> list[int]:
    """The depths at which a trained reader has heads."""
    with safe_open(trained / "model.safetensors", "numpy") as stored:
        names = [name for name in stored.keys() if name.endswith("span.weight")]  # noqa: SIM118
    return sorted(int(name.removeprefix("heads.").removesuffix("span.weight")) for name in names)


def reading_times(readers: dict[int, Reader]) -> dict[int, list[float]]:
    """Seconds that each reader takes for each question over seeds/, the readers in turns."""
    times: dict[int, list[float]] = {depth: [] for depth in readers}
    with tempfile.TemporaryDirectory() as scratch:
        build(SEEDS, Path(scratch))
        with open_store(scratch) as store, store.searcher() as index:
            for row in read_questions(QUESTIONS):
                question = read_question(row["question"], index)
                hits = rank(question, candidates(question, index, RANKED))[:READ]
                passages = [hit.passage for hit in hits]
                for depth, reader in readers.items():
                    started = time.perf_counter()
                    reader.read(question.text, passages)
                    times[depth].append(time.perf_counter() - started)
    return times


if __name__ == "__main__":
    sys.exit(main())
