"""python -m qa "質問": answer from the notes, for a person, as JSON, or for a file of questions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from index.filters import Filter
from index.messages import said
from index.terminal import ProgressBars, command, harmless, messages, print_json, whole_number
from qa.answer import Answer, answer
from qa.questions import read_questions
from qa.show import as_json, print_answer
from qa.stores import fresh_store, searching


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 answered or refused, 1 a named error."""
    parser = argparse.ArgumentParser(prog="python -m qa", description=said("qa_does").local)
    for names, how in (
        (["question"], {"nargs": "?"}),
        (["--batch"], {"metavar": "FILE"}),
        (["--json"], {"action": "store_true"}),
        (["--explain"], {"action": "store_true"}),
        (["--notes"], {"metavar": "DIR"}),
        (["--store"], {"metavar": "DIR"}),
        (["-k"], {"type": whole_number, "default": 5}),
        (["--in"], {"dest": "folder", "default": "", "metavar": "DIR"}),
        (["--name"], {"default": ""}),
        (["--tag"], {"action": "append", "default": []}),
        (["--since"], {"default": "", "metavar": "DATE"}),
        (["--until"], {"default": "", "metavar": "DATE"}),
    ):
        help_ = said(f"{names[0].lstrip('-')}_flag").local
        parser.add_argument(*names, help=help_, **how)
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
        parser.error(error.args[0].local)
    if (options.question is None) == (options.batch is None):
        parser.error(said("one_of_both").local)
    say = messages()
    if options.batch:
        questions = list(read_questions(Path(options.batch)))
    else:
        questions = [{"question": options.question}]
    with ProgressBars(say) as bars:
        opened = fresh_store(
            options.notes,
            options.store,
            remark=lambda remark: say.print(remark.local),
            progress=bars,
        )
    with opened as store:
        for row in questions:
            asked = partial(answer, row["question"], k=options.k, within=within)
            show(row, searching(store, asked, look=False), options)
    return 0


def show(row: dict[str, Any], found: Answer, options: argparse.Namespace) -> None:
    """Print one answer, as JSON or for a person."""
    if options.json:
        content = ({"id": row["id"]} if "id" in row else {}) | as_json(found, row["question"])
        print_json(content)
        return
    if options.batch:
        print(f"\n■ {harmless(row['question'])}")
    console = Console(highlight=False, soft_wrap=True)
    print_answer(found, row["question"], console, explain=options.explain)


if __name__ == "__main__":
    sys.exit(main())
