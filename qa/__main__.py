"""python -m qa "質問": answer from the notes, for a person, as JSON, or for a file of questions."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from index.errors import NotesError
from index.filters import Filter
from index.terminal import ProgressBars, harmless, messages, print_json, whole_number, writable
from qa.answer import Answer, answer
from qa.measuring.questions import read_questions
from qa.show import as_json, print_answer
from qa.stores import fresh_store, searching


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 answered or refused, 1 a named error."""
    parser = argparse.ArgumentParser(
        prog="python -m qa",
        description="ノートに質問します / ask the notes",
    )
    parser.add_argument("question", nargs="?", help="質問 / the question")
    parser.add_argument(
        "--batch", metavar="FILE", help="質問のファイル (JSONL) / questions, a line each"
    )
    parser.add_argument("--json", action="store_true", help="JSON で出す / print JSON")
    parser.add_argument(
        "--explain",
        action="store_true",
        help="引用ごとに、どの言葉で見つけたかを示す / show why each line was found",
    )
    parser.add_argument("--notes", metavar="DIR", help="ノートのフォルダ (default: seeds/)")
    parser.add_argument("--store", metavar="DIR", help="索引を置くフォルダ (default: user cache)")
    parser.add_argument("-k", type=whole_number, default=5, help="示す箇所の数 / passages shown")
    parser.add_argument(
        "--in",
        dest="folder",
        default="",
        metavar="DIR",
        help="このフォルダだけ / only below DIR",
    )
    parser.add_argument("--name", default="", help="ファイル名の一部 / part of the name")
    parser.add_argument(
        "--tag", action="append", default=[], help="このタグのノートだけ / only notes with this tag"
    )
    parser.add_argument(
        "--since", default="", metavar="DATE", help="この日から (2024-04 など) / from that day"
    )
    parser.add_argument("--until", default="", metavar="DATE", help="この日まで / to that day")
    options = parser.parse_args(argv)
    try:
        within = Filter.of(
            folder=options.folder,
            name=options.name,
            tags=options.tag,
            since=options.since,
            until=options.until,
        )
    except ValueError as error:
        parser.error(str(error))
    if (options.question is None) == (options.batch is None):
        parser.error("質問か --batch のどちらか一つを / give a question or --batch, not both")
    writable(sys.stdout, sys.stderr)
    say = messages()
    try:
        if options.batch:
            questions = list(read_questions(Path(options.batch)))
        else:
            questions = [{"question": options.question}]
        with ProgressBars(say) as bars:
            opened = fresh_store(options.notes, options.store, remark=say.print, progress=bars)
        with opened as store:
            for row in questions:
                asked = partial(answer, row["question"], k=options.k, within=within)
                show(row, searching(store, asked, look=False), options)
    except NotesError as error:
        say.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def show(row: dict[str, Any], found: Answer, options: argparse.Namespace) -> None:
    """Print one answer, as JSON or for a person."""
    if options.json:
        content = ({"id": row["id"]} if "id" in row else {}) | as_json(found, row["question"])
        print_json(content)
        return
    if options.batch:
        print(f"\n■ {harmless(row['question'])}")
    print_answer(found, Console(highlight=False, soft_wrap=True), explain=options.explain)


if __name__ == "__main__":
    sys.exit(main())
