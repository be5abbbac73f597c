"""python -m benchmarks.fit_confidence FOLDER: fit the weights that qa/confidence.py carries.

FOLDER comes from `python -m benchmarks.jaquad`. Each question is asked twice: of all notes, and of
all but the paragraph that answers it (its sister paragraphs stay: the hard case). The label is
whether the best hit covers the answer's line. Fit on train, report on dev; never fit on dev.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from index.build import build
from index.store import Store, open_store
from qa.answer import READ_HITS
from qa.confidence import FEATURES, confidence, features
from qa.measures import auroc
from qa.question import read_question
from qa.questions import read_questions
from qa.retrieve import Hit, search

SISTERS = 40  # hits fetched, so that enough are left when a paragraph's are taken out


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_confidence")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=2_000, help="a random part, seed 0")
    parser.add_argument("--report", action="store_true", help="judge the present weights, fit none")
    options = parser.parse_args(argv)
    rows = list(read_questions(options.folder / "questions.jsonl"))
    random.Random(0).shuffle(rows)
    build(options.folder / "notes", options.folder / "store")
    with open_store(options.folder / "store") as store:
        cases = list(_cases(store, rows[: options.questions]))
    values = np.array([case[0] for case in cases])
    labels = np.array([case[1] for case in cases])
    kept = np.array([case[2] for case in cases])  # probability by the present weights
    if not options.report:
        model = LogisticRegression(C=100.0).fit(values, labels)
        print("INTERCEPT =", round(float(model.intercept_[0]), 3))
        weights = dict(zip(FEATURES, map(float, model.coef_[0].round(3)), strict=True))
        print("WEIGHTS =", tuple(weights.values()), "#", json.dumps(weights))
        kept = model.predict_proba(values)[:, 1]
    right, wrong = kept[labels == 1], kept[labels == 0]
    asked_with = kept[::2]
    threshold = float(np.quantile(asked_with, 0.05))
    print(f"cases {len(labels)}, best hit right with the paragraph {labels[::2].mean():.3f}")
    print(f"AUROC right/wrong {auroc(list(right), list(wrong)):.3f}, "
          f"with/without {auroc(list(asked_with), list(kept[1::2])):.3f}")  # fmt: skip
    print(f"at 5 % wrongly refused (threshold {threshold:.3f}): "
          f"refused {float((kept[1::2] < threshold).mean()):.3f}")  # fmt: skip
    for edge in (0.1, 0.2, 0.3, 0.4, 0.5):
        print(f"threshold {edge}: refused {float((kept[1::2] < edge).mean()):.3f}, "
              f"wrongly {float((asked_with < edge).mean()):.3f}")  # fmt: skip
    print(f"expected calibration error (10 bins) {calibration_error(kept, labels):.3f}")
    return 0


def _cases(
    store: Store, rows: Sequence[dict[str, Any]]
) -> Iterator[tuple[tuple[float, ...], bool, float]]:
    """(features, best hit is right, present confidence): with the paragraph, then without."""
    for row in rows:
        question = read_question(row["question"], store)
        hits = search(question, store, SISTERS)
        first, last = row["paragraph"]
        others = [
            hit
            for hit in hits
            if hit.passage.path != row["path"]
            or hit.passage.end_line < first
            or hit.passage.start_line > last
        ]
        line = row["lines"][0]
        for found in (hits[:READ_HITS], others[:READ_HITS]):
            right = bool(found) and _covers(found[0], row["path"], line)
            yield features(question, found), right, confidence(question, found)


def _covers(hit: Hit, path: str, line: int) -> bool:
    passage = hit.passage
    return passage.path == path and passage.start_line <= line <= passage.end_line


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 10) -> float:
    """Mean gap between stated probability and share of right ones, over equal-width bins.

    Source: expected calibration error, Naeini et al., AAAI 2015.
    """
    at = np.minimum((probabilities * bins).astype(int), bins - 1)
    return sum(
        float((at == b).mean() * abs(probabilities[at == b].mean() - labels[at == b].mean()))
        for b in range(bins)
        if (at == b).any()
    )


if __name__ == "__main__":
    sys.exit(main())
