"""python -m qa "質問": answer from the notes, for a person, as JSON, or for a file of questions."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from index.errors import NotesError
from qa.answer import ask
from qa.questions import read_questions
from qa.retrieve import fresh_store
from qa.show import as_json, print_answer


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
    parser.add_argument("--notes", metavar="DIR", help="ノートのフォルダ (default: seeds/)")
    parser.add_argument("--store", metavar="DIR", help="索引を置くフォルダ (default: user cache)")
    parser.add_argument("-k", type=_positive, default=5, help="示す箇所の数 / passages shown")
    options = parser.parse_args(argv)
    if (options.question is None) == (options.batch is None):
        parser.error("質問か --batch のどちらか一つを / give a question or --batch, not both")
    errors = Console(stderr=True, highlight=False, markup=False, style="yellow")
    try:
        questions = list(read_questions(Path(options.batch))) if options.batch else []
        with fresh_store(options.notes, options.store, remark=errors.print) as store:
            for row in questions or [{"question": options.question}]:
                answer = ask(row["question"], store, k=options.k)
                if options.json:
                    known = {"id": row["id"]} if "id" in row else {}
                    content = known | as_json(answer, row["question"])
                    print(json.dumps(content, ensure_ascii=False), flush=True)
                else:
                    if options.batch:
                        print(f"\n■ {row['question']}")
                    print_answer(answer, Console(highlight=False, soft_wrap=True))
    except NotesError as error:
        errors.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("1 以上の数を / at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
