"""python -m benchmarks.compare OLD.json NEW.json: which questions went better, and which worse.

Both are results of `python -m qa.evaluate … --json FILE`. Only questions that both have are
compared, by id and text. A difference comes with its 95 % interval, by a paired bootstrap over the
questions (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from qa.evaluate import OF_ANSWERABLE, OF_OTHERS, Outcome

RESAMPLES = 1_000  # the ends of an interval then waver by about a hundredth
Pair = tuple[Outcome, Outcome]  # one question in both measurements


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args(argv)
    pairs = paired(read_outcomes(options.old), read_outcomes(options.new))
    print(f"{len(pairs):,} questions in both")
    for name in (*OF_ANSWERABLE, *OF_OTHERS[:1]):
        of = [pair for pair in pairs if pair[0].answerable == (name in OF_ANSWERABLE)]
        if of:
            old, new = (
                [outcome.measure(name) for outcome in side] for side in zip(*of, strict=True)
            )
            low, high = interval(old, new)
            change = f"{np.mean(new) - np.mean(old):+.3f} ({low:+.3f}–{high:+.3f})"
            print(f"{name:16} {np.mean(old):.3f} → {np.mean(new):.3f}  {change}")
    for title, changed in (
        ("better", [pair for pair in pairs if gained(*pair)]),
        ("worse", [pair for pair in pairs if gained(*pair[::-1])]),
    ):
        print(f"{title}: {len(changed):,}")
        for old_one, new_one in changed:
            print(f"  {new_one.id} {new_one.question}: {_shown(old_one)} → {_shown(new_one)}")
    return 0


def read_outcomes(path: Path) -> list[Outcome]:
    """The outcomes of a result; where the wanted lines stood is left out."""
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["questions"]
    return [Outcome(**{**row, "wanted": (), "ranks": tuple(row["ranks"])}) for row in rows]


def paired(old: Sequence[Outcome], new: Sequence[Outcome]) -> list[Pair]:
    """The questions that both measurements have, in the order of the new one.

    The same question with another number of wanted places asks for something else.
    """
    known = {(of.id, of.question, len(of.ranks)): of for of in old}
    keys = ((of.id, of.question, len(of.ranks)) for of in new)
    return [(known[key], of) for key, of in zip(keys, new, strict=True) if key in known]


def gained(old: Outcome, new: Outcome) -> bool:
    """Whether a wanted line comes earlier, or `found` is right where it was wrong."""
    now_right = old.found != new.found and new.found == new.answerable
    return new.measure("reciprocal_rank") > old.measure("reciprocal_rank") or now_right


def interval(old: Sequence[float], new: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean of new - old, over the same questions."""
    differences = np.subtract(new, old)
    if not differences.any() or len(differences) < 2:
        return float(differences.mean()), float(differences.mean())
    found = bootstrap(
        (differences,), np.mean, n_resamples=RESAMPLES, method="percentile", random_state=1
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _shown(outcome: Outcome) -> str:
    ranks = ",".join(str(rank or "–") for rank in outcome.ranks) or "no answer wanted"
    return f"{ranks}, {'answered' if outcome.found else 'refused'}"


if __name__ == "__main__":
    sys.exit(main())
