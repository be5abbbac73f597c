"""A measurement as JSON: written for machines, and read again to be compared with.

{"summary": {"recall@1": 0.867, …}, "intervals": {"recall@1": [0.756, 0.956], …},
 "categories": {"direct": {"recall@1": 1.0, …}, …},
 "questions": [{"id", "category", "question", "wanted", "ranks", "passages", "cited", "found",
                "confidence", "milliseconds"}, …]}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qa.measuring.outcomes import Outcome, by_category, intervals, summarize
from qa.measuring.questions import QuestionsError

_NUMBER = (int, float)
# The fields that are read again, with their types; ranks are looked at one by one.
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str, "category": str, "question": str, "ranks": list, "passages": int,
    "cited": _NUMBER, "found": bool, "confidence": _NUMBER, "milliseconds": _NUMBER,
}  # fmt: skip


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A measurement for json.dumps; see the module for its form."""
    return {
        "summary": summarize(outcomes),
        "intervals": intervals(outcomes),
        "categories": {name: summarize(group) for name, group in by_category(outcomes).items()},
        "questions": [asdict(outcome) for outcome in outcomes],
    }


def read_outcomes(path: Path) -> list[Outcome]:
    """The outcomes of a measurement that was written with --json.

    Where the wanted lines stood is left out: the notes may have changed since.

    Raises:
        QuestionsError: the file cannot be read, or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise QuestionsError(
            f"比べる結果のファイルを読めません: {path}: {error}\n"
            f"(The results to compare with cannot be read.)"
        ) from error
    rows = content.get("questions") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not all(map(_is_outcome, rows)):
        raise QuestionsError(
            f"比べる結果のファイルの形が違います: {path}\n"
            f"この版の `python -m qa.evaluate … --json FILE` が書いたファイルを渡してください。"
            f"(That is no result of this version's --json; measure again to make one.)"
        )
    return [
        Outcome(
            wanted=(),
            ranks=tuple(row["ranks"]),
            **{name: row[name] for name in _FIELDS if name != "ranks"},
        )
        for row in rows
    ]


def _is_outcome(row: object) -> bool:
    return (
        isinstance(row, dict)
        and all(isinstance(row.get(name), kind) for name, kind in _FIELDS.items())
        and all(rank is None or (isinstance(rank, int) and rank >= 1) for rank in row["ranks"])
    )
