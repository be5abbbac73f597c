"""python -m training.evaluate MODEL FOLDER: how often the encoder alone puts the right one first.

FOLDER comes from `python -m benchmarks.jaquad`, best from JaQuAD's dev part, which nothing here is
trained or chosen on. Every passage of its notes is compared with every question by cosine alone. A
passage is right if it overlaps the paragraph that answers; `line` counts only those that hold the
answer's own line. A folder with a graph is run by ONNX Runtime, any other by sentence-transformers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.models.onnx_encoder import OnnxEncoder
from index.notes import read_notes
from index.splitting import split
from index.storage.rows import encoder_text
from qa.questions import read_questions
from training.log import logged

DEPTH = 10
Encode = Callable[[list[str]], NDArray[np.float32]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="any sentence-transformers folder")
    parser.add_argument("folder", type=Path, help="notes/ and questions.jsonl")
    options = parser.parse_args(argv)
    with logged("evaluate", model=options.model, folder=options.folder) as scores:
        scores |= evaluate(options.folder, *encoders(options.model))
        print(json.dumps(scores))
    return 0


def encoders(model: Path) -> tuple[Encode, Encode]:
    """What encodes questions, and what encodes passages, to vectors of length 1."""
    if (model / "model.onnx").is_file():
        packed = OnnxEncoder(model)
        return packed.encode_questions, packed.encode_passages
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(str(model))
    return (
        lambda texts: np.asarray(loaded.encode(texts, prompt_name="query")),
        lambda texts: np.asarray(loaded.encode(texts, prompt_name="passage")),
    )


def evaluate(folder: Path, questions: Encode, passages: Encode) -> dict[str, Any]:
    """Recall at 1, 3 and 10 over a folder's questions, and at 1 by the answer's line."""
    found = [
        (passage, encoder_text(note.title, passage))
        for note in read_notes(folder / "notes")[0]
        for passage in split(note)
    ]
    rows = list(read_questions(folder / "questions.jsonl"))
    cosines = questions([row["question"] for row in rows]) @ passages([text for _, text in found]).T
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :DEPTH]
    right = np.zeros((len(rows), DEPTH), bool)
    line = 0
    for number, row in enumerate(rows):
        first, last = row["paragraph"]
        for rank, at in enumerate(best[number]):
            p = found[at][0]
            right[number, rank] = (
                p.path == row["path"] and p.start_line <= last and p.end_line >= first
            )
        p = found[best[number, 0]][0]
        line += p.path == row["path"] and p.start_line <= row["lines"][0] <= p.end_line
    recalls = {f"R@{k}": round(float(right[:, :k].any(axis=1).mean()), 4) for k in (1, 3, DEPTH)}
    return {
        "questions": len(rows),
        "passages": len(found),
        **recalls,
        "line": round(line / len(rows), 4),
    }


if __name__ == "__main__":
    sys.exit(main())
