"""Two measurements of the same questions side by side: which got better, which worse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qa.measuring.outcomes import Interval, Outcome, difference_intervals, summarize


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure of the questions that both have, before and now."""

    old: float
    new: float
    interval: Interval | None  # 95 %, of new - old; None of times, which vary by themselves

    @property
    def direction(self) -> int:
        """1 where the interval lies above 0, -1 where below, 0 where it holds 0."""
        low, high = self.interval or (0.0, 0.0)
        return (low > 0) - (high < 0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of each question. One may be in both better and worse: found, but refused."""

    pairs: tuple[tuple[Outcome, Outcome], ...]  # (old, new) of the questions that both have
    better: tuple[tuple[Outcome, Outcome], ...]
    worse: tuple[tuple[Outcome, Outcome], ...]
    reworded: tuple[tuple[Outcome, Outcome], ...]  # same id, another question: not compared
    only_old: tuple[Outcome, ...]
    only_new: tuple[Outcome, ...]
    differences: dict[str, Difference]


def compare(old: Sequence[Outcome], new: Sequence[Outcome]) -> Comparison:
    """Pair the questions of two measurements, by id and question, else by question alone.

    Args:
        old: the earlier outcomes.
        new: the later ones.
    """
    paired, only_old, only_new = _pair(old, new)
    by_id = {outcome.id: outcome for outcome in only_old if outcome.id}
    reworded = [(by_id[after.id], after) for after in only_new if after.id in by_id]
    same_id = {after.id for _, after in reworded}
    before, after = [pair[0] for pair in paired], [pair[1] for pair in paired]
    return Comparison(
        pairs=tuple(paired),
        better=tuple(pair for pair in paired if _gained(pair[0], pair[1])),
        worse=tuple(pair for pair in paired if _gained(pair[1], pair[0])),
        reworded=tuple(reworded),
        only_old=tuple(outcome for outcome in only_old if outcome.id not in same_id),
        only_new=tuple(outcome for outcome in only_new if outcome.id not in same_id),
        differences=_differences(before, after),
    )


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison for json.dumps: differences, and the questions that changed."""
    return {
        "common": len(comparison.pairs),
        "only_old": [_named(outcome) for outcome in comparison.only_old],
        "only_new": [_named(outcome) for outcome in comparison.only_new],
        "reworded": [_named(after) for _, after in comparison.reworded],
        "differences": {
            name: {"old": of.old, "new": of.new, "interval": of.interval}
            for name, of in comparison.differences.items()
        },
        "better": [_change(*pair) for pair in comparison.better],
        "worse": [_change(*pair) for pair in comparison.worse],
    }


def _pair(
    old: Sequence[Outcome], new: Sequence[Outcome]
) -> tuple[list[tuple[Outcome, Outcome]], list[Outcome], list[Outcome]]:
    """(old, new) of the same question in the order of new, and what is left of both.

    The same question with another number of wanted places asks for something else.
    """
    found: dict[int, Outcome] = {}  # by place in new
    left = list(old)
    for key in (_id_and_question, _question):
        waiting: dict[object, list[Outcome]] = defaultdict(list)
        for outcome in reversed(left):
            waiting[key(outcome)].append(outcome)  # the first is taken first
        for at, outcome in enumerate(new):
            if at not in found and waiting[key(outcome)]:
                found[at] = waiting[key(outcome)].pop()
        taken = {id(outcome) for outcome in found.values()}
        left = [outcome for outcome in left if id(outcome) not in taken]
    pairs = [(found[at], outcome) for at, outcome in enumerate(new) if at in found]
    return pairs, left, [outcome for at, outcome in enumerate(new) if at not in found]


def _id_and_question(outcome: Outcome) -> object:
    return outcome.id, _question(outcome)


def _question(outcome: Outcome) -> object:
    return outcome.question, len(outcome.ranks)


def _gained(old: Outcome, new: Outcome) -> bool:
    """Whether a wanted line comes earlier, or found is right where it was wrong."""
    now_right = old.found != new.found and new.found == new.answerable
    return new.best_rank < old.best_rank or now_right


def _differences(old: Sequence[Outcome], new: Sequence[Outcome]) -> dict[str, Difference]:
    before, after = summarize(old), summarize(new)
    ends = difference_intervals(old, new)
    found: dict[str, Difference] = {}
    for name, value in before.items():
        now = after[name]
        if value is not None and now is not None and name not in ("answerable", "unanswerable"):
            found[name] = Difference(value, now, ends.get(name))
    return found


def _named(outcome: Outcome) -> dict[str, str]:
    return {"id": outcome.id, "question": outcome.question}


def _change(old: Outcome, new: Outcome) -> dict[str, Any]:
    return {
        **_named(new),
        "ranks": [old.ranks, new.ranks],
        "found": [old.found, new.found],
    }
