"""python -m benchmarks.dialogues: do follow-up questions find what the same in full finds?

Asks each case of tests/questions/dialogues.jsonl three ways: in full, as a follow-up with what was
asked before, and as a follow-up alone. Then counts the questions that stand on their own and were
changed all the same: of the cases, of a file of full questions asked one after another at random.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from index import build, open_store
from index.storage.store import Store
from qa.answer import ask
from qa.hit import Hit
from qa.questions import Place, locate, read_questions
from qa.understanding.followup import standalone

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests/questions/dialogues.jsonl"
NOTES = {"seeds": ROOT / "seeds", "dialogue_notes": ROOT / "tests/dialogue_notes"}
ALONE = "alone"  # the kind of a case that must be left as it is
SEED = 1
WAYS = ("full", "follow-up", "without history")


@dataclass(frozen=True, slots=True)
class Found:
    """A follow-up, and whether the first hit covers what is wanted, asked in each of three ways."""

    row: Mapping[str, Any]
    searched: str  # as the follow-up was completed
    right: tuple[bool, ...]  # in the order of WAYS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dialogues", description=__doc__)
    parser.add_argument("--set", choices=("open", "held"), help="only these cases")
    parser.add_argument("--pairs", type=Path, help="full questions (JSONL), asked in random pairs")
    parser.add_argument("--show", action="store_true", help="each follow-up, as it was completed")
    options = parser.parse_args(argv)
    rows = [row for row in read_questions(CASES) if options.set in (None, row["set"])]
    with ExitStack() as opened:
        stores = {}
        for name, notes in NOTES.items():
            folder = opened.enter_context(TemporaryDirectory())
            build(notes, folder)
            stores[name] = opened.enter_context(open_store(folder))
        found = measure(rows, stores)
    for kept in dict.fromkeys(row["set"] for row in rows):
        _print(kept, [one for one in found if one.row["set"] == kept])
    if options.show:
        for one in found:
            ways = "".join("ox"[not right] for right in one.right)
            print(ways, one.row["id"], one.row["kind"], one.row["question"], "▶", one.searched)
    changed = false_completions(rows)
    alone = [row for row in rows if row["kind"] == ALONE]
    print(f"\nchanged though they stand alone: {len(changed)} of {len(alone)}")
    print(*changed, sep="\n")
    if options.pairs:
        asked = [str(row["question"]) for row in read_questions(options.pairs)]
        changed = changed_in_pairs(asked)
        print(f"\nchanged after another question: {len(changed)} of {len(asked)}")
        print(*changed[:20], sep="\n")
    return 0


def measure(
    rows: Iterable[Mapping[str, Any]], stores: Mapping[str, Store], ways: int = len(WAYS)
) -> list[Found]:
    """Ask the cases that have something to find, in the first so many of WAYS."""
    found = []
    for row in rows:
        if row["quotes"]:
            [asked] = locate([row], NOTES[row["notes"]])
            searched = standalone(row["question"], row["history"])
            texts = (row["full"], searched, row["question"])[:ways]
            first = {
                text: ask(text, stores[row["notes"]], k=1).hits for text in dict.fromkeys(texts)
            }
            right = {text: _holds(hits, asked.wanted) for text, hits in first.items()}
            found.append(Found(row, searched, tuple(right[text] for text in texts)))
    return found


def _holds(hits: Iterable[Hit], wanted: Iterable[Place]) -> bool:
    passages = [hit.passage for hit in hits]
    return any(
        place.held_by(passage.path, passage.start_line, passage.end_line)
        for place in wanted
        for passage in passages
    )


def false_completions(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The cases that stand alone, but were changed; what became of each."""
    return _changed((row["question"], row["history"]) for row in rows if row["kind"] == ALONE)


def changed_in_pairs(questions: Sequence[str]) -> list[str]:
    """What became of full questions that were changed, each asked after another at random."""
    others = random.Random(SEED).sample(questions, len(questions))
    return _changed((asked, [other]) for asked, other in zip(questions, others, strict=True))


def _changed(asked: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    completed = ((question, standalone(question, history)) for question, history in asked)
    return [f"{question} ▶ {full}" for question, full in completed if full != question]


def _print(title: str, found: Sequence[Found]) -> None:
    print(f"\n| {title} | cases | {' | '.join(WAYS)} |")
    print("|---" * (2 + len(WAYS)) + "|")
    for kind in [*dict.fromkeys(one.row["kind"] for one in found), "all"]:
        of_kind = [one for one in found if kind in ("all", one.row["kind"])]
        shares = [mean([float(one.right[way]) for one in of_kind]) for way in range(len(WAYS))]
        print(f"| {kind} | {len(of_kind)} | {' | '.join(f'{share:.2f}' for share in shares)} |")


if __name__ == "__main__":
    sys.exit(main())
