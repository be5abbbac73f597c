"""python -m qa.evaluate QUESTIONS: how often the right lines are found, and refusals are right.

Each row of a question file names what should be found: {"id", "category", "question", "quotes"}. A
hit counts when its lines cover the line that holds the quote. With "quotes": [] the notes do not
answer, and the answer must be a refusal.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from index.errors import NotesError
from index.notes import read_notes
from index.settings import notes_folder
from index.store import Store
from index.terminal import ProgressBars, messages, writable
from qa.answer import Answer, ask
from qa.measures import auroc, mean, percentile, recall, reciprocal_rank
from qa.questions import QuestionsError, read_questions
from qa.retrieve import fresh_store

DEPTH = 10  # hits looked at for each question


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question and how it went."""

    id: str
    category: str
    question: str
    ranks: tuple[int | None, ...]  # of each wanted line: first hit that covers it, from 1
    cited: float  # share of the wanted lines that the citations cover
    found: bool
    confidence: float
    milliseconds: float

    @property
    def answerable(self) -> bool:
        """Whether the notes answer it."""
        return bool(self.ranks)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 measured, 1 a named error."""
    parser = argparse.ArgumentParser(
        prog="python -m qa.evaluate",
        description="検索と「見つかりません」の確かさを測ります / measure retrieval and refusal",
    )
    parser.add_argument("questions", help="質問のファイル (JSONL)")
    parser.add_argument("--notes", metavar="DIR", help="ノートのフォルダ (default: seeds/)")
    parser.add_argument("--store", metavar="DIR", help="索引を置くフォルダ (default: user cache)")
    parser.add_argument("--json", metavar="FILE", help="結果を JSON でも書く / write JSON as well")
    options = parser.parse_args(argv)
    writable(sys.stdout, sys.stderr)
    say = messages()
    try:
        rows = list(read_questions(Path(options.questions)))
        lines = wanted_lines(rows, notes_folder(options.notes))
        with ProgressBars(say) as bars:
            opened = fresh_store(
                options.notes, options.store, remark=say.print, progress=bars, encode_seconds=inf
            )
        with opened as store:
            outcomes = [
                measure(store, row, wanted) for row, wanted in zip(rows, lines, strict=True)
            ]
    except NotesError as error:
        say.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        return 130
    summary = summarize(outcomes)
    print_table(outcomes, summary, Console(highlight=False))
    if options.json:
        content = {"summary": summary, "questions": [asdict(outcome) for outcome in outcomes]}
        Path(options.json).write_text(
            json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8"
        )
    return 0


def wanted_lines(rows: Iterable[dict[str, object]], notes: Path) -> list[set[tuple[str, int]]]:
    """For each row the (path, line) of each of its quotes; the first line of a longer quote.

    A row may name the note ("path") and the line ("lines") where a quote stands in several places.

    Raises:
        QuestionsError: a quote stands in no note.
    """
    read, _ = read_notes(notes)
    found: list[set[tuple[str, int]]] = []
    for row in rows:
        wanted: set[tuple[str, int]] = set()
        quotes = row.get("quotes")
        for at, quote in enumerate(quotes if isinstance(quotes, list) else []):
            given = row.get("lines")
            if isinstance(given, list) and "path" in row:
                wanted.add((str(row["path"]), int(given[at])))
                continue
            places = [
                (note.path, note.text.count("\n", 0, note.text.index(quote)) + 1)
                for note in read
                if quote in note.text
            ]
            if not places:
                raise QuestionsError(
                    f"この引用はどのノートにもありません: {quote!r} ({row.get('id')})\n"
                    f"(That quote stands in no note.)"
                )
            wanted.add(places[0])
        found.append(wanted)
    return found


def measure(store: Store, row: dict[str, object], wanted: Iterable[tuple[str, int]]) -> Outcome:
    """Ask one question and see where its wanted lines came."""
    question = str(row["question"])
    started = time.perf_counter()
    answer = ask(question, store, k=DEPTH)
    elapsed = time.perf_counter() - started
    places = sorted(wanted)
    return Outcome(
        id=str(row.get("id", "")),
        category=str(row.get("category", "")),
        question=question,
        ranks=tuple(_rank(answer, path, line) for path, line in places),
        cited=mean([float(_cites(answer, path, line)) for path, line in places]),
        found=answer.found,
        confidence=answer.confidence,
        milliseconds=1_000 * elapsed,
    )


def summarize(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The measures over all questions; shares are 0 to 1, times in milliseconds."""
    asked = [outcome for outcome in outcomes if outcome.answerable]
    unanswerable = [outcome for outcome in outcomes if not outcome.answerable]
    times = [outcome.milliseconds for outcome in outcomes[1:]]  # the first one loads the model
    return {
        "answerable": len(asked),
        "unanswerable": len(unanswerable),
        **{f"recall@{k}": mean([recall(o.ranks, k) for o in asked]) for k in (1, 3, 5, 10)},
        "reciprocal_rank": mean([reciprocal_rank(o.ranks) for o in asked]),
        "cited": mean([o.cited for o in asked]),
        "refused": mean([float(not o.found) for o in unanswerable]),
        "wrongly_refused": mean([float(not o.found) for o in asked]),
        "auroc": auroc([o.confidence for o in asked], [o.confidence for o in unanswerable]),
        "milliseconds_p50": percentile(times, 0.5),
        "milliseconds_p95": percentile(times, 0.95),
    }


def print_table(outcomes: Sequence[Outcome], summary: dict[str, float], console: Console) -> None:
    """The summary, then each category, then the questions that went wrong."""
    table = Table(title=f"{len(outcomes)} questions")
    table.add_column("category")
    for name in ("n", "R@1", "R@3", "R@5", "RR", "cited", "refused"):
        table.add_column(name, justify="right")
    by_category: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_category[outcome.category or "–"].append(outcome)
    groups = [*by_category.items(), ("all answerable", [o for o in outcomes if o.answerable])]
    for name, group in groups:
        part = summarize(group)
        refused = mean([float(not outcome.found) for outcome in group])
        shown = [f"{part[key]:.3f}" for key in ("recall@1", "recall@3", "recall@5")]
        shown += [f"{part[key]:.3f}" for key in ("reciprocal_rank", "cited")]
        shown = shown if part["answerable"] else ["–"] * len(shown)
        table.add_row(name, str(len(group)), *shown, f"{refused:.3f}")
    console.print(table)
    for outcome in outcomes:
        ranks = ",".join(str(rank or "–") for rank in outcome.ranks)
        if outcome.answerable and (not outcome.found or outcome.cited < 1):
            state = "cited in part or not" if outcome.found else "wrongly refused"
            console.print(escape(f"{state}: {outcome.id} {outcome.question} (rank {ranks})"))
        if not outcome.answerable and outcome.found:
            console.print(escape(f"wrongly answered: {outcome.id} {outcome.question}"))
    console.print(
        f"refused {summary['refused']:.3f} of {summary['unanswerable']:.0f} unanswerable · "
        f"wrongly refused {summary['wrongly_refused']:.3f} · AUROC {summary['auroc']:.3f} · "
        f"{summary['milliseconds_p50']:.0f} ms p50, {summary['milliseconds_p95']:.0f} ms p95"
    )


def _rank(answer: Answer, path: str, line: int) -> int | None:
    for rank, hit in enumerate(answer.hits, start=1):
        passage = hit.passage
        if passage.path == path and passage.start_line <= line <= passage.end_line:
            return rank
    return None


def _cites(answer: Answer, path: str, line: int) -> bool:
    return any(
        citation.path == path and citation.start_line <= line <= citation.end_line
        for citation in answer.citations
    )


if __name__ == "__main__":
    sys.exit(main())
