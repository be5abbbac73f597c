"""Asking the questions of a measurement, and what their outcomes come to.

Asked ─ measure ▶ Outcome[] ─┬─ summarize ▶ {"recall@1": 0.867, …}
                             └─ intervals ▶ {"recall@1": (0.756, 0.956), …}
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from index.storage.store import Store
from qa.answer import Answer, ask
from qa.measuring.measures import (
    auroc,
    interval,
    mean,
    ndcg,
    percentile,
    recall,
    reciprocal_rank,
    resampled_aurocs,
    resampled_means,
)
from qa.measuring.questions import Asked, Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEPTH = 10  # hits looked at for each question
Interval: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question and how it went."""

    id: str
    category: str
    question: str
    wanted: tuple[Place, ...]
    ranks: tuple[int | None, ...]  # of each wanted place: first hit that covers it, from 1
    passages: int  # the fewest that hold all wanted places
    cited: float  # share of the wanted places that the citations cover
    found: bool
    confidence: float
    milliseconds: float

    @property
    def answerable(self) -> bool:
        """Whether the notes answer it."""
        return bool(self.ranks)

    @property
    def best_rank(self) -> float:
        """The rank of the first hit that covers a wanted place; infinite where none does."""
        return min((rank for rank in self.ranks if rank), default=float("inf"))


Measure = Callable[[Outcome], float]
# What each question shows on its own; a summary has the mean over the questions.
RANKING: Mapping[str, Measure] = {
    "recall@1": lambda outcome: recall(outcome.ranks, 1),
    "recall@3": lambda outcome: recall(outcome.ranks, 3),
    "recall@5": lambda outcome: recall(outcome.ranks, 5),
    "recall@10": lambda outcome: recall(outcome.ranks, 10),
    "reciprocal_rank": lambda outcome: reciprocal_rank(outcome.ranks),
    "ndcg@10": lambda outcome: ndcg(outcome.ranks, outcome.passages, 10),
}
ANSWERS: Mapping[str, Measure] = {
    "cited": lambda outcome: outcome.cited,
    "wrongly_refused": lambda outcome: float(not outcome.found),
}
REFUSALS: Mapping[str, Measure] = {"refused": lambda outcome: float(not outcome.found)}


def measure(store: Store, questions: Sequence[Asked]) -> list[Outcome]:
    """Ask every question of an open store; the outcomes, in order.

    The first question is asked twice, and its first time not counted: it loads the model.
    """
    if questions:
        ask(questions[0].question, store, k=DEPTH)
    return [_outcome(store, asked) for asked in questions]


def _outcome(store: Store, asked: Asked) -> Outcome:
    started = time.perf_counter()
    answer = ask(asked.question, store, k=DEPTH)
    elapsed = time.perf_counter() - started
    return Outcome(
        id=asked.id,
        category=asked.category,
        question=asked.question,
        wanted=asked.wanted,
        ranks=tuple(_rank(answer, place) for place in asked.wanted),
        passages=asked.passages,
        cited=mean([float(_cites(answer, place)) for place in asked.wanted]),
        found=answer.found,
        confidence=answer.confidence,
        milliseconds=1_000 * elapsed,
    )


def summarize(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """The measures over some questions; None where no question is of the kind they need.

    Shares are 0 to 1, times in milliseconds.
    """
    asked, others = _sides(outcomes)
    times = [outcome.milliseconds for outcome in outcomes]
    summary: dict[str, float | None] = {"answerable": len(asked), "unanswerable": len(others)}
    for name, values in _values(outcomes).items():
        summary[name] = mean(values) if values else None
    both = _confidences(asked), _confidences(others)
    summary["auroc"] = auroc(*both) if all(both) else None
    summary["milliseconds_p50"] = percentile(times, 0.5) if times else None
    summary["milliseconds_p95"] = percentile(times, 0.95) if times else None
    return summary


def intervals(outcomes: Sequence[Outcome]) -> dict[str, Interval]:
    """95 % bootstrap intervals over the questions, of the measures that have a value."""
    return {name: interval(samples) for name, samples in _resampled(outcomes).items()}


def difference_intervals(old: Sequence[Outcome], new: Sequence[Outcome]) -> dict[str, Interval]:
    """95 % paired bootstrap intervals of new - old.

    Args:
        old: outcomes of some questions.
        new: outcomes of the same questions in the same order: both are then drawn alike.
    """
    before, after = _resampled(old), _resampled(new)
    return {name: interval(after[name] - before[name]) for name in before}


def by_category(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of each category, in the order in which categories first come."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.category].append(outcome)
    return dict(groups)


def _sides(outcomes: Iterable[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    asked: list[Outcome] = []
    others: list[Outcome] = []
    for outcome in outcomes:
        (asked if outcome.answerable else others).append(outcome)
    return asked, others


def _values(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    """Each measure's values, of the questions it is of, in order."""
    asked, others = _sides(outcomes)
    groups = [(asked, RANKING), (asked, ANSWERS), (others, REFUSALS)]
    return {
        name: [of(outcome) for outcome in group]
        for group, measures in groups
        for name, of in measures.items()
    }


def _resampled(outcomes: Sequence[Outcome]) -> dict[str, NDArray[np.float64]]:
    asked, others = _sides(outcomes)
    found = {name: resampled_means(values) for name, values in _values(outcomes).items() if values}
    if asked and others:
        found["auroc"] = resampled_aurocs(_confidences(asked), _confidences(others))
    return found


def _confidences(outcomes: Iterable[Outcome]) -> list[float]:
    return [outcome.confidence for outcome in outcomes]


def _rank(answer: Answer, place: Place) -> int | None:
    for rank, hit in enumerate(answer.hits, start=1):
        passage = hit.passage
        if place.held_by(passage.path, passage.start_line, passage.end_line):
            return rank
    return None


def _cites(answer: Answer, place: Place) -> bool:
    return any(
        place.held_by(citation.path, citation.start_line, citation.end_line)
        for citation in answer.citations
    )
