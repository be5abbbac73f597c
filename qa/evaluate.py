"""python -m qa.evaluate: how often the right lines are found, and refusals are right.

    python -m qa.evaluate QUESTIONS   each row names what should be found: {"id", "category",
                                      "question", "quotes"}; "quotes": [] must be refused

A hit counts when its lines cover the line that holds the quote.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

from rich.console import Console

from index.errors import NotesError
from index.folder import real
from index.settings import notes_folder
from index.terminal import ProgressBars, messages, print_json, writable
from qa.measuring.compare import compare, comparison_json
from qa.measuring.outcomes import Outcome, measure
from qa.measuring.questions import QuestionsError, locate, read_questions
from qa.measuring.results import as_json, read_outcomes
from qa.measuring.show_scores import print_comparison, print_scores
from qa.stores import fresh_store


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 measured, 1 a named error."""
    options = _options(argv)
    writable(sys.stdout, sys.stderr)
    say = messages()
    try:
        notes = notes_folder(options.notes)
        old = read_outcomes(Path(options.compare)) if options.compare else None
        if options.json not in (None, "-"):
            _check_target(Path(options.json), notes, options.questions)
        questions = locate(read_questions(Path(options.questions)), notes)
        with ProgressBars(say) as bars:
            opened = fresh_store(
                options.notes, options.store, remark=say.print, progress=bars, encode_seconds=inf
            )
        with opened as store:
            outcomes = measure(store, questions)
        _report(outcomes, old, options)
    except NotesError as error:
        say.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m qa.evaluate",
        description="検索と「見つかりません」の確かさを測ります / measure retrieval and refusal",
    )
    parser.add_argument("questions", help="質問のファイル (JSONL) / a question file")
    parser.add_argument("--notes", metavar="DIR", help="ノートのフォルダ (default: seeds/)")
    parser.add_argument("--store", metavar="DIR", help="索引を置くフォルダ (default: user cache)")
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="結果を JSON でも書く、- なら表の代わりに / write JSON as well; - prints it instead",
    )
    parser.add_argument(
        "--compare",
        metavar="OLD.json",
        help="前の結果と比べる / show what got better or worse since",
    )
    return parser.parse_args(argv)


def _report(
    outcomes: Sequence[Outcome],
    old: Sequence[Outcome] | None,
    options: argparse.Namespace,
) -> None:
    """Print the table or the JSON, and write the JSON where it is asked for.

    Raises:
        QuestionsError: the JSON cannot be written.
    """
    content: dict[str, Any] = as_json(outcomes)
    compared = compare(old, outcomes) if old is not None else None
    if compared:
        content["compared"] = comparison_json(compared)
    if options.json == "-":
        print_json(content, indent=1)
        return
    console = Console(highlight=False, markup=False, soft_wrap=True)
    print_scores(outcomes, console)
    if compared:
        print_comparison(compared, console)
    if options.json:
        text = json.dumps(content, ensure_ascii=False, indent=1)
        try:
            Path(options.json).write_text(text, encoding="utf-8")
        except OSError as error:
            raise QuestionsError(
                f"結果を書けません: {options.json}: {error.strerror}\n"
                f"(The results cannot be written.)"
            ) from error


def _check_target(target: Path, notes: Path, questions: str) -> None:
    """Refuse to write over what was written by hand.

    Raises:
        QuestionsError: the file for the JSON lies in the notes folder, is the question file, or
            would stand in a folder that is not there.
    """
    if not target.parent.is_dir():
        raise QuestionsError(
            f"結果を書くフォルダがありません: {target.parent}\n"
            f"(That folder for the results is missing.)"
        )
    taken = real(target).is_relative_to(real(notes))
    if taken or real(target) == real(Path(questions)):
        raise QuestionsError(
            f"結果はノートのフォルダや質問のファイルには書きません: {target}\n"
            f"(Results are not written into the notes folder, nor over the question file.)"
        )


if __name__ == "__main__":
    sys.exit(main())
