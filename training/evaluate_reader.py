"""python -m training.evaluate_reader READER JAQUAD: EM and F1 with the right paragraph given.

JAQUAD is a folder of JaQuAD's files, best dev, which nothing here is trained or chosen on. Each
context is read whole, in windows; the answer is the span of the window that answers best. EM and F1
as in the data set's paper (So et al., 2022): F1 counts characters, as Japanese has no spaces.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from index.settings import DEFAULT_MODEL
from qa.hit import Finding
from qa.reader import WINDOW, Reader
from training.log import logged
from training.reader_net import open_cutter
from training.reading import Example


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate_reader",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("reader", type=Path, help="folder from training.pack_reader")
    parser.add_argument("jaquad", type=Path, help="folder of JaQuAD's files")
    parser.add_argument("--encoder", type=Path, default=DEFAULT_MODEL, help="what it began from")
    parser.add_argument("--every", type=int, default=1, help="only each so manieth question")
    options = parser.parse_args(argv)
    with logged(
        "evaluate_reader", reader=options.reader, jaquad=options.jaquad, every=options.every
    ) as scores:
        scores |= evaluate(options.reader, options.jaquad, options.encoder, options.every)
        print(json.dumps(scores))
    return 0


def evaluate(folder: Path, jaquad: Path, encoder: Path, every: int = 1) -> dict[str, Any]:
    """EM and F1 over JaQuAD's files, and how many tokens a second were read."""
    reader, cutter = Reader(folder, encoder), open_cutter(encoder)
    exact, f1 = [], []
    tokens, seconds = 0, 0.0
    asked = [
        (article["title"], paragraph["context"], question)
        for path in sorted(jaquad.glob("*.json"))
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]
    for title, context, question in asked[::every]:
        windows = cutter.cut(cutter.question(question["question"]), title, context, WINDOW)
        started = time.perf_counter()
        best = max(reader.read_windows(windows), key=lambda finding: finding.answers)
        seconds += time.perf_counter() - started
        tokens += sum(len(window.ids) for window in windows)
        given, wanted = context[best.start : best.end].strip(), question["answers"][0]["text"]
        exact.append(given == wanted)
        f1.append(shared(given, wanted))
    return {
        "questions": len(exact),
        "EM": round(float(np.mean(exact)), 4),
        "F1": round(float(np.mean(f1)), 4),
        "tokens_a_second": round(tokens / seconds),
    }


@dataclass(frozen=True, slots=True)
class Exam:
    """A question to judge a reader by."""

    answer: str
    text: str  # of the passage that holds it
    examples: list[Example]  # windows of that passage, then of others


def judge(findings: Sequence[Finding], exams: Sequence[Exam]) -> dict[str, float]:
    """How often an answering window comes first, AUROC, and EM and F1 in the one that answers best.

    findings: of the exams' windows, in order.
    AUROC: of a question's best answering window against its best other one, over all questions.
    """
    first, exact, f1 = [], [], []
    right_odds, wrong_odds = [], []
    at = 0
    for exam in exams:
        of_exam = list(zip(exam.examples, findings[at : at + len(exam.examples)], strict=True))
        at += len(exam.examples)
        right = [found for example, found in of_exam if example.answers]
        wrong = [found.answers for example, found in of_exam if not example.answers]
        best = max(right, key=lambda found: found.answers)
        first.append(best.answers > max(wrong, default=float("-inf")))
        right_odds.append(best.answers)
        wrong_odds += [max(wrong)] if wrong else []
        given = exam.text[best.start : best.end].strip()
        exact.append(given == exam.answer)
        f1.append(shared(given, exam.answer))
    scores: dict[str, float] = {
        "first": float(np.mean(first)),
        "auroc": float(
            roc_auc_score([1] * len(right_odds) + [0] * len(wrong_odds), right_odds + wrong_odds)
        ),
        "EM": float(np.mean(exact)),
        "F1": float(np.mean(f1)),
    }
    return {name: round(score, 3) for name, score in scores.items()}


def shared(given: str, wanted: str) -> float:
    """F1 of the characters that two texts share."""
    common = sum(min(given.count(letter), wanted.count(letter)) for letter in set(given))
    return 2 * common / (len(given) + len(wanted)) if common else 0.0


if __name__ == "__main__":
    sys.exit(main())
