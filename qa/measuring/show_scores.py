"""A measurement, and a comparison of two, for people in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from index.terminal import harmless
from qa.measuring.compare import Comparison
from qa.measuring.outcomes import Interval, Outcome, by_category, intervals, summarize

LISTED = 40  # questions named one by one; --json has them all
# Measure, its short name, and what it says.
Names: TypeAlias = tuple[tuple[str, str, str], ...]
RANKING_NAMES: Names = (
    ("recall@1", "R@1", "1 位までにある wanted lines in the first hit"),
    ("recall@3", "R@3", "3 位まで the first 3"),
    ("recall@5", "R@5", "5 位まで the first 5"),
    ("recall@10", "R@10", "10 位まで the first 10"),
    ("reciprocal_rank", "RR", "1 ÷ 最初の順位 1 / rank of the first"),
    ("ndcg@10", "nDCG", "順位で割り引いた得点 gain discounted by rank, of 10"),
)
ANSWER_NAMES: Names = (
    ("cited", "cited", "引用された wanted lines that are quoted"),
    ("wrongly_refused", "refused", "答えがあるのに断った answerable, yet refused"),
)
REFUSAL_NAMES: Names = (
    ("refused", "refused", "答えがないと断った unanswerable, and refused"),
    ("auroc", "AUROC", "確信度の見分ける力 confidence tells them apart"),
)
TIME_NAMES: Names = (
    ("milliseconds_p50", "ms p50", "一問の時間 time of a question"),
    ("milliseconds_p95", "ms p95", "遅いほうの一問 of a slow one"),
)


def print_scores(outcomes: Sequence[Outcome], console: Console) -> None:
    """A table of the categories, the measures with their intervals, and what went wrong."""
    console.print(_categories(outcomes))
    summary, ends = summarize(outcomes), intervals(outcomes)
    if ends:
        console.print("95 % の区間つき (with 95 % intervals over the questions)", style="dim")
    for kind, title, names in (
        ("answerable", "答えのある質問 answerable", RANKING_NAMES + ANSWER_NAMES),
        ("unanswerable", "答えのない質問 unanswerable", REFUSAL_NAMES),
    ):
        if summary[kind]:
            console.print(f"{title}: {summary[kind]:,.0f}")
            for key, short, meaning in names:
                if (value := summary[key]) is not None:
                    console.print(f"  {short:<8}{_with_interval(value, ends.get(key))}  {meaning}")
    if outcomes:
        p50, p95 = summary["milliseconds_p50"] or 0.0, summary["milliseconds_p95"] or 0.0
        console.print(f"速さ time: {p50:.0f} ms p50, {p95:.0f} ms p95")
    for title, group in _went_wrong(outcomes):
        _print_list(console, title, [_line(outcome) for outcome in group])


def print_comparison(comparison: Comparison, console: Console) -> None:
    """The differences with their paired intervals, then each question that changed."""
    console.print()
    if not comparison.pairs:
        console.print("同じ質問がないので、比べられません (no question in common to compare)")
    else:
        console.print(_difference_table(comparison))
    for title, pairs in (
        ("良くなった better", comparison.better),
        ("悪くなった worse", comparison.worse),
    ):
        if comparison.pairs:
            _print_list(console, title, [_changed(*pair) for pair in pairs], always=True)
    _print_list(
        console,
        "id は同じでも質問が違う same id, another question",
        [_line(after) for _, after in comparison.reworded],
    )
    _print_list(console, "前だけにある only before", map(_line, comparison.only_old))
    _print_list(console, "今だけにある only now", map(_line, comparison.only_new))


def _categories(outcomes: Sequence[Outcome]) -> Table:
    table = _table(f"{len(outcomes):,} 問 questions")
    table.add_column("種類 category")
    columns = [("n", ""), *((short, key) for key, short, _ in RANKING_NAMES)]
    columns += [("cited", "cited"), ("refused", "")]
    for short, _ in columns:
        table.add_column(short, justify="right", no_wrap=True)
    groups = [(name or "–", group) for name, group in by_category(outcomes).items()]
    asked = [outcome for outcome in outcomes if outcome.answerable]
    for name, group in [*groups, ("答えのある全体 all answerable", asked)]:
        part = summarize(group)
        cells = [_share(part[key]) for _, key in columns if key]
        refusals = "wrongly_refused" if part["answerable"] else "refused"
        cells.append(_share(part[refusals]))
        table.add_row(harmless(name), f"{len(group):,}", *cells)
    return table


def _difference_table(comparison: Comparison) -> Table:
    table = _table(f"前と今、同じ {len(comparison.pairs):,} 問 before and now, the same questions")
    table.add_column("")
    for title in ("前 before", "今 now", "差 difference (95 %)"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    names = RANKING_NAMES + (ANSWER_NAMES + REFUSAL_NAMES) + TIME_NAMES
    for key, short, _ in names:
        if (of := comparison.differences.get(key)) is None:
            continue
        form = _share if of.interval else _whole
        change = f"{of.new - of.old:+.3f}" if of.interval else f"{of.new - of.old:+.0f}"
        if of.interval:
            change += f" ({of.interval[0]:+.3f}–{of.interval[1]:+.3f})"
        direction = -of.direction if key == "wrongly_refused" else of.direction
        verdict = {1: "改善 better", -1: "悪化 worse", 0: ""}[direction]
        name = "wrongly refused" if key == "wrongly_refused" else short
        table.add_row(name, form(of.old), form(of.new), change, verdict)
    return table


def _went_wrong(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    asked = [outcome for outcome in outcomes if outcome.answerable]
    return [
        ("答えがあるのに断った wrongly refused", [o for o in asked if not o.found]),
        (
            "引用が足りない cited in part or not",
            [o for o in asked if o.found and o.cited < 1],
        ),
        (
            "答えがないのに答えた wrongly answered",
            [o for o in outcomes if not o.answerable and o.found],
        ),
    ]


def _print_list(
    console: Console, title: str, lines: Iterable[str], *, always: bool = False
) -> None:
    lines = list(lines)
    if lines or always:
        console.print(Text(f"{title}: {len(lines):,}", style="bold"))
    for line in lines[:LISTED]:
        console.print(Text(f"  {harmless(line)}"))
    if len(lines) > LISTED:
        console.print(f"  … ほか {len(lines) - LISTED:,} 問は --json に (the others: --json)")


def _line(outcome: Outcome) -> str:
    ranks = f" ({_ranks(outcome)})" if outcome.answerable else ""
    return f"{outcome.id} {outcome.question}{ranks}".strip()


def _changed(old: Outcome, new: Outcome) -> str:
    parts = []
    if old.ranks != new.ranks:
        parts.append(f"{_ranks(old)} → {_ranks(new)}")
    if old.found != new.found:
        states = {True: "答えた answered", False: "断った refused"}
        parts.append(f"{states[old.found]} → {states[new.found]}")
    return f"{new.id} {new.question} ({'; '.join(parts)})".strip()


def _ranks(outcome: Outcome) -> str:
    if not any(outcome.ranks):
        return "なし none"
    return ",".join(str(rank or "–") for rank in outcome.ranks) + " 位"


def _with_interval(value: float, ends: Interval | None) -> str:
    return f"{value:.3f} ({ends[0]:.3f}–{ends[1]:.3f})" if ends else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
