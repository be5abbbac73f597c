"""python -m qa.evaluate: how often the right lines are found, and refusals are right.

    python -m qa.evaluate QUESTIONS   each row names what should be found: {"id", "category",
                                      "question", "quotes"}; "quotes": [] must be refused

A hit counts when its lines cover the line that holds the quote. The JSON has the summary of all, of
each category, and every question's outcome; `python -m benchmarks.compare` compares two of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import inf
from pathlib import Path
from statistics import quantiles
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from index.folder import real
from index.messages import Said, said
from index.settings import notes_folder
from index.storage.store import Store
from index.terminal import ProgressBars, command, harmless, messages, print_json
from qa.answer import Answer, answer
from qa.questions import Asked, Place, QuestionsError, locate, read_questions
from qa.stores import fresh_store, searching

DEPTH = 10  # hits looked at for each question
LISTED = 40  # questions named one by one; --json has them all
RECALLS = {"recall@1": 1, "recall@3": 3, "recall@5": 5, "recall@10": 10}
OF_ANSWERABLE = (*RECALLS, "reciprocal_rank", "cited", "wrongly_refused")
OF_OTHERS = ("refused", "auroc")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question and how it went."""

    id: str
    category: str
    question: str
    wanted: tuple[Place, ...]
    ranks: tuple[int | None, ...]  # The first hit, from 1, that covers each wanted place.
    cited: float  # share of the wanted places that the citations cover
    found: bool
    confidence: float
    milliseconds: float

    @property
    def answerable(self) -> bool:
        """Whether the notes answer it."""
        return bool(self.ranks)

    def measure(self, name: str) -> float:
        """What it counts for a measure, 0 to 1; a summary has the mean over the questions."""
        found = [rank for rank in self.ranks if rank]
        if name in RECALLS:
            return sum(rank <= RECALLS[name] for rank in found) / len(self.ranks)
        if name == "reciprocal_rank":
            return 1 / min(found, default=inf)
        return self.cited if name == "cited" else float(not self.found)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 measured, 1 a named error."""
    options = _options(argv)
    say = messages()
    notes = notes_folder(options.notes)
    target = Path(options.json) if options.json not in (None, "-") else None
    if target:
        _check_target(target, notes, Path(options.questions))
    questions = locate(read_questions(Path(options.questions)), notes)
    with ProgressBars(say) as bars:
        opened = fresh_store(
            options.notes,
            options.store,
            remark=lambda remark: say.print(remark.local),
            progress=bars,
            encode_seconds=inf,
        )
    with opened as store:
        outcomes = measure(store, questions)
    if options.json == "-":
        print_json(as_json(outcomes), indent=1)
    else:
        print_scores(outcomes, Console(highlight=False, markup=False, soft_wrap=True))
    if target:
        _write(target, as_json(outcomes))
    return 0


def measure(store: Store, questions: Sequence[Asked]) -> list[Outcome]:
    """Ask every question of an open store, which is current; the outcomes, in order.

    The first question is asked twice, and its first time not counted: it loads the model.
    """
    for asked in questions[:1]:
        _outcome(store, asked)
    return [_outcome(store, asked) for asked in questions]


def summarize(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """The measures over some questions; None where no question is of the kind they need.

    Shares are 0 to 1, times in milliseconds. AUROC is the probability that an answerable question
    has more confidence than another.
    """
    asked, others = _sides(outcomes)
    summary: dict[str, float | None] = {"answerable": len(asked), "unanswerable": len(others)}
    for group, names in ((asked, OF_ANSWERABLE), (others, OF_OTHERS[:1])):
        for name in names:
            values = [outcome.measure(name) for outcome in group]
            summary[name] = sum(values) / len(values) if values else None
    summary["auroc"] = _auroc(asked, others) if asked and others else None
    times = [outcome.milliseconds for outcome in outcomes]
    cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    summary["milliseconds_p50"] = cuts[49] if times else None
    summary["milliseconds_p95"] = cuts[94] if times else None
    return summary


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A measurement for json.dumps."""
    return {
        "summary": summarize(outcomes),
        "categories": {name: summarize(group) for name, group in _by_category(outcomes).items()},
        "questions": [asdict(outcome) for outcome in outcomes],
    }


def print_scores(outcomes: Sequence[Outcome], console: Console) -> None:
    """A table of the categories, the measures, and what went wrong."""
    asked, others = _sides(outcomes)
    console.print(_table(outcomes, asked))
    summary = summarize(outcomes)
    for kind, names in (("answerable", OF_ANSWERABLE), ("unanswerable", OF_OTHERS)):
        if summary[kind]:
            console.print(f"{said(kind).local}: {summary[kind]:,.0f}")
            for name in names:
                console.print(f"  {_share(summary[name])}  {_meaning(name).local}")
    p50, p95 = summary["milliseconds_p50"] or 0.0, summary["milliseconds_p95"] or 0.0
    console.print(said("times", p50=p50, p95=p95).local)
    for key, wrong in (
        ("wrongly_refused", [outcome for outcome in asked if not outcome.found]),
        ("cited_in_part", [outcome for outcome in asked if outcome.found and outcome.cited < 1]),
        ("wrongly_answered", [outcome for outcome in others if outcome.found]),
    ):
        if wrong:
            console.print(Text(f"{said(key).local}: {len(wrong):,}", style="bold"))
        for outcome in wrong[:LISTED]:
            ranks = ",".join(str(rank or "–") for rank in outcome.ranks)
            shown = f" ({said('ranks', ranks=ranks).local})" if outcome.ranks else ""
            console.print(Text(harmless(f"  {outcome.id} {outcome.question}{shown}")))
        if len(wrong) > LISTED:
            console.print(said("others_in_json", count=len(wrong) - LISTED).local)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    does = said("evaluate_does").local
    parser = argparse.ArgumentParser(prog="python -m qa.evaluate", description=does)
    parser.add_argument("questions", help=said("questions_flag").local)
    parser.add_argument("--notes", metavar="DIR", help=said("notes_flag").local)
    parser.add_argument("--store", metavar="DIR", help=said("store_flag").local)
    parser.add_argument("--json", metavar="FILE", help=said("results_flag").local)
    return parser.parse_args(argv)


def _outcome(store: Store, asked: Asked) -> Outcome:
    started = time.perf_counter()
    found = searching(store, partial(answer, asked.question, k=DEPTH), look=False)
    elapsed = time.perf_counter() - started
    cited = [_cites(found, place) for place in asked.wanted]
    return Outcome(
        id=asked.id,
        category=asked.category,
        question=asked.question,
        wanted=asked.wanted,
        ranks=tuple(_rank(found, place) for place in asked.wanted),
        cited=sum(cited) / len(cited) if cited else 0.0,
        found=found.found,
        confidence=found.confidence,
        milliseconds=1_000 * elapsed,
    )


def _rank(found: Answer, place: Place) -> int | None:
    for rank, hit in enumerate(found.hits, start=1):
        passage = hit.passage
        if place.held_by(passage.path, passage.start_line, passage.end_line):
            return rank
    return None


def _cites(found: Answer, place: Place) -> bool:
    return any(
        place.held_by(citation.path, citation.start_line, citation.end_line)
        for citation in found.citations
    )


def _sides(outcomes: Iterable[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """The questions that the notes answer, and the others."""
    asked: list[Outcome] = []
    others: list[Outcome] = []
    for outcome in outcomes:
        (asked if outcome.answerable else others).append(outcome)
    return asked, others


def _by_category(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.category].append(outcome)
    return dict(groups)


def _auroc(asked: Sequence[Outcome], others: Sequence[Outcome]) -> float:
    from sklearn.metrics import roc_auc_score  # a second, which asking does without

    both = [*asked, *others]
    answerable = [outcome.answerable for outcome in both]
    return float(roc_auc_score(answerable, [outcome.confidence for outcome in both]))


def _table(outcomes: Sequence[Outcome], asked: Sequence[Outcome]) -> Table:
    title = said("count_questions", count=len(outcomes)).local
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(said("category").local)
    for column in ("n", *(f"R@{k}" for k in RECALLS.values()), "RR", "cited", "refused"):
        table.add_column(column, justify="right", no_wrap=True)
    groups = [(name or "–", group) for name, group in _by_category(outcomes).items()]
    for name, group in [*groups, (said("answerable").local, asked)]:
        part = summarize(group)
        refusals = "wrongly_refused" if part["answerable"] else "refused"
        cells = [_share(part[name]) for name in (*OF_ANSWERABLE[:-1], refusals)]
        table.add_row(harmless(name), f"{len(group):,}", *cells)
    return table


def _meaning(name: str) -> Said:
    return said("recall_at", k=RECALLS[name]) if name in RECALLS else said(name)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _check_target(target: Path, notes: Path, questions: Path) -> None:
    """Refuse to write over what was written by hand.

    Raises:
        QuestionsError: the file lies in the notes folder, or is the question file.
    """
    if real(target).is_relative_to(real(notes)) or real(target) == real(questions):
        raise QuestionsError(said("results_misplaced", path=target))


def _write(target: Path, content: dict[str, Any]) -> None:
    try:
        target.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        reason = error.strerror
        raise QuestionsError(said("results_unwritable", path=target, reason=reason)) from error


if __name__ == "__main__":
    sys.exit(main())
